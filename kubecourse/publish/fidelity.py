"""The ledger: how faithful the simulated cluster is, by area, and the page that says so.

The figures come from a run of the tests that compare it with records and oracles, in the clone;
`data/fidelity.yaml` names these tests, and has what no figure says, in both languages. What is
stored without effect comes from the list that the API server warns from.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kubecourse.control_plane.apiserver.validation import simplified
from kubecourse.lessons.messages import LANGUAGES

PAGE = "fidelity.md"
OUTCOMES = ("agrees", "differs", "left out", "failed")


class Case(NamedTuple):
    """One comparison. `outcome`: see `OUTCOMES`; all but the first have a `reason`, or failed."""

    area: str
    name: str
    reason: str
    outcome: str


class LedgerError(Exception):
    """The tests could not be run."""


def load(root: Path) -> dict[str, Any]:
    """What the ledger is made of besides figures."""
    text = (root / "data" / "fidelity.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def run(root: Path) -> list[Case]:
    """Run the tests that the ledger is made from. Raises LedgerError."""
    tests = [test for area in load(root)["areas"] for test in area["tests"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.json"
        command = [sys.executable, "-m", "pytest", "-q", "--ledger", str(file), *tests]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode > 1 or not file.exists():
            raise LedgerError(f"{done.stdout}{done.stderr}".strip())
        return [Case(*row) for row in json.loads(file.read_text(encoding="utf-8"))]


def counts(data: dict[str, Any], cases: Sequence[Case]) -> dict[str, Counter[str]]:
    """How many cases of each area came to what."""
    found = {area["area"]["en"]: Counter[str]() for area in data["areas"]}
    for case in cases:
        found[case.area][case.outcome] += 1
    return found


def table(data: dict[str, Any], cases: Sequence[Case]) -> str:
    """The ledger as plain text, with the reasons of what does not agree."""
    counted = counts(data, cases)
    total = sum(counted.values(), Counter[str]())
    width = max(map(len, counted))
    lines = [f"{'':{width}} " + "".join(f"{word:>10}" for word in ("cases", *OUTCOMES))]
    for area, found in [*counted.items(), ("", total)]:
        figures = (found.total(), *(found[outcome] for outcome in OUTCOMES))
        lines.append(f"{area:{width}} " + "".join(f"{figure:10}" for figure in figures))
    for outcome in OUTCOMES[1:]:
        lines += [
            f"{outcome}: {case.area}: {case.name}" + (f" ({case.reason})" if case.reason else "")
            for case in cases
            if case.outcome == outcome
        ]
    return "\n".join(lines)


# --- the page


def write(root: Path, cases: Sequence[Case]) -> Iterator[Path]:
    """Write the page in each language."""
    for language in LANGUAGES:
        target = page_path(root, language)
        target.write_text(page(load(root), cases, language), encoding="utf-8")
        yield target


def page_path(root: Path, language: str) -> Path:
    """Where the page of a language is kept: beside the notebooks that link to it."""
    notebooks = root / "notebooks"
    return (notebooks if language == LANGUAGES[0] else notebooks / language) / PAGE


def page(data: dict[str, Any], cases: Sequence[Case], language: str) -> str:
    """The page, as Markdown."""
    words = {name: text[language] for name, text in data["words"].items()}
    lines = [f"# {words['title']}", "", words["intro"], "", f"## {words['compared']}", ""]
    lines += _rows(words["area"], words["what"], words["cases"], words["agree"])
    counted = counts(data, cases)
    for area in data["areas"]:
        found = counted[area["area"]["en"]]
        shown = f"{found['agrees']} / {found.total() - found['left out']}"
        lines.append(
            f"| {area['area'][language]} | {area['what'][language]} | {found.total()} | {shown} |"
        )
    lines += ["", words["rule"]]
    for outcome in OUTCOMES[1:3]:
        lines += ["", f"### {words[outcome]}", ""]
        lines += _by_reason(data, sorted(c for c in cases if c.outcome == outcome), language)
    for part in ("simulated", "simplified", "missing"):
        lines += ["", f"## {words[part]}", ""]
        lines += [f"- {entry[language]}" for entry in data[part]]
    lines += ["", f"## {words['stored']}", "", words["warned"], ""]
    lines += _rows(words["field"], words["effect"])
    fields: dict[str, list[str]] = {}
    for kind, field, sentence in simplified.ledger():
        fields.setdefault(sentence, []).append(f"`{kind}.{field}`" if field else f"`{kind}`")
    for sentence, named in fields.items():
        said = sentence if language == LANGUAGES[0] else data["sentences"].get(sentence, sentence)
        lines.append(f"| {', '.join(named)} | {said} |")
    return "\n".join(lines) + "\n"


def _rows(*heads: str) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]


def _by_reason(data: dict[str, Any], cases: Sequence[Case], language: str) -> Iterator[str]:
    """What does not agree: cases with the same reason on one line."""
    areas = {area["area"]["en"]: area["area"][language] for area in data["areas"]}
    found: dict[tuple[str, str], list[str]] = {}
    for case in cases:
        found.setdefault((areas[case.area], case.reason), []).append(f"`{case.name}`")
    for (area, reason), names in found.items():
        said = reason if language == LANGUAGES[0] else data["sentences"].get(reason, reason)
        yield f"- {area}: {', '.join(names)}: {said}"
