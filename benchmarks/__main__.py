"""All benchmarks against the committed baseline: nothing may have lost more than a tenth.

    python -m benchmarks            # compares, and fails if something has
    python -m benchmarks --write    # makes what is measured now the baseline

Machines differ, and so do moments of one machine. So each is measured as the CPU time of its
process against that of a plain Python loop just before and after it; the least of several counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")
TOLERATED = 1.10
RUNS = 3
BENCHMARKS = {
    "scale": ["benchmarks.scale", "--nodes", "300", "--pods", "3000"],
    "startup": ["benchmarks.startup"],
    "idle": ["benchmarks.idle"],
    "day": ["benchmarks.day"],
    "week": ["benchmarks.week", "--days", "1", "--hours", "1"],
    "snapshot": ["benchmarks.snapshot", "--nodes", "100", "--pods", "1000"],
}


def loop() -> float:
    """The CPU time of a loop that does what such programs do: make, look up, call."""
    begin = time.process_time()
    found: dict[str, tuple[int, str]] = {}
    for number in range(600_000):
        key = f"pod-{number % 5000}"
        found[key] = (number, found.get(key, (0, ""))[1] or key)
    return time.process_time() - begin


def cost(arguments: list[str]) -> float:
    """A benchmark's CPU time in loops, the least of several runs."""
    ratios = []
    for _ in range(RUNS):
        before = loop()
        spent = _children()
        subprocess.run([sys.executable, "-m", *arguments], stdout=subprocess.DEVNULL, check=True)
        spent = _children() - spent
        ratios.append(2 * spent / (before + loop()))
    return min(ratios)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure and compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    measured = {name: round(cost(arguments), 2) for name, arguments in BENCHMARKS.items()}
    if options.write:
        BASELINE.write_text(json.dumps(measured, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    print(f"{'':10}{'loops':>8}{'baseline':>10}{'ratio':>8}")
    worst = 0.0
    for name, now in measured.items():
        ratio = now / baseline[name]
        worst = max(worst, ratio)
        print(f"{name:10}{now:8.2f}{baseline[name]:10.2f}{ratio:8.2f}")
    return int(worst > TOLERATED)


if __name__ == "__main__":
    sys.exit(main())
