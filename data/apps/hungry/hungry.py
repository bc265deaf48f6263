"""Wants more and more memory, or all the time of one processor: `hungry.py memory` or `cpu`."""

import sys
import time

if sys.argv[1:] == ["cpu"]:
    while True:
        pass

eaten = []
while True:
    eaten.append(b"x" * 4_000_000)
    print(f"{len(eaten) * 4} MB", flush=True)
    time.sleep(0.25)
