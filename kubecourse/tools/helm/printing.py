"""How Helm prints releases, histories and findings.

Source: helm's `pkg/cmd/status.go`, `list.go`, `history.go`, `lint.go`; tables by `gosuri/uitable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

ANSIC = "%a %b %e %H:%M:%S %Y"
SEVERITY = ("UNKNOWN", "INFO", "WARNING", "ERROR")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell, with a tab between them."""
    lines = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "\t".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + "\n"
        for line in lines
    )


def moment(time: datetime | None) -> str:
    """A time as in `helm list`."""
    return "-" if time is None else time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")


def ansic(time: datetime | None) -> str:
    """A time as in `helm status` and `helm history`."""
    return "" if time is None else time.strftime(ANSIC)


def status(release: dict[str, Any], description: str, time: datetime | None) -> str:
    """What `install`, `upgrade` and `status` say of a release."""
    lines = [f"NAME: {release['name']}"]
    lines += [f"LAST DEPLOYED: {ansic(time)}"] if time else []
    lines += [
        f"NAMESPACE: {release['namespace']}",
        f"STATUS: {release['status']}",
        f"REVISION: {release['revision']}",
        f"DESCRIPTION: {description}",
        "TEST SUITE: None",
    ]
    if notes := release.get("notes", "").strip():
        lines += ["NOTES:", notes]
    return "\n".join(lines) + "\n"


def findings(path: str, report: dict[str, Any]) -> str:
    """What `helm lint` says of a chart."""
    lines = [f"==> Linting {path}"]
    for found in report["messages"]:
        lines.append(f"[{SEVERITY[found['severity']]}] {found['path']}: {found['error']}")
    if not report["messages"]:
        lines += [f"Error {error}" for error in report["errors"]]
    return "\n".join(lines) + "\n\n"
