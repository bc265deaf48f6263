"""The benchmarks run, and print one line that a script can read."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "figures"),
    [
        (
            ["benchmarks.scale", "--nodes", "20", "--pods", "103"],
            {"nodes", "pods", "wall_s", "pods_per_s", "peak_rss_mib", "virtual_s", "setup_s"},
        ),
        (["benchmarks.startup"], {"wall_s", "runs"}),
        (["benchmarks.idle", "--nodes", "5"], {"nodes", "virtual_s", "wall_s", "revisions"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_it_prints_one_line_of_json(arguments: list[str], figures: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    assert set(json.loads(line)) == figures
