"""The benchmarks run, and print one line that a script can read."""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.__main__ import BASELINE, BENCHMARKS


@pytest.mark.parametrize(
    ("arguments", "figures"),
    [
        (
            ["benchmarks.scale", "--nodes", "20", "--pods", "103"],
            {
                "control_plane",
                "nodes",
                "pods",
                "wall_s",
                "pods_per_s",
                "peak_rss_mib",
                "virtual_s",
                "setup_s",
            },
        ),
        (["benchmarks.startup"], {"wall_s", "runs"}),
        (
            ["benchmarks.snapshot", "--nodes", "10", "--pods", "50"],
            {
                "nodes",
                "pods",
                "snapshot_ms",
                "change_ms",
                "next_change_ms",
                "later_change_ms",
                "restore_ms",
                "fork_ms",
                "kept_objects",
                "changed_objects",
            },
        ),
        (["benchmarks.idle", "--nodes", "5"], {"nodes", "virtual_s", "wall_s", "revisions"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_it_prints_one_line_of_json(arguments: list[str], figures: set[str]) -> None:
    assert set(run(*arguments)) == figures


def run(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    figures: dict[str, Any] = json.loads(line)
    return figures


def test_a_snapshot_of_many_pods_is_cheap_and_so_is_what_follows() -> None:
    """3,000 pods stand for 10,000, with 50 ms for those: a busy machine may take twice as long."""
    figures = run("benchmarks.snapshot", "--nodes", "300", "--pods", "3000")
    assert figures["snapshot_ms"] < 2 * 50 * 0.3
    assert figures["kept_objects"] < 4500, "not what each pod is made of"
    assert figures["changed_objects"] < 2500, "four nodes and a few tables"
    assert figures["next_change_ms"] < 2 * figures["later_change_ms"] + 20


def test_the_baseline_knows_every_benchmark() -> None:
    assert set(json.loads(BASELINE.read_text())) == set(BENCHMARKS)
