"""How fast, how large, how long: each module prints one JSON line about one question.

python -m benchmarks.scale --nodes 1000 --pods 10000
python -m benchmarks.startup
python -m benchmarks.idle
python -m benchmarks.day
python -m benchmarks.week
python -m benchmarks.snapshot
python -m benchmarks              # all, against the committed baseline
"""
