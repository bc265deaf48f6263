"""The `kubecourse` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="kubecourse",
        description="Docker and Kubernetes basics, to play with in JupyterLab.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"kubecourse {version('kubecourse')}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser(
        "lab",
        help="open JupyterLab in the notebooks",
        description="Open JupyterLab in the notebooks directory. "
        "Further arguments go to JupyterLab, for example: --no-browser --port 8899",
        allow_abbrev=False,
    )
    commands.add_parser(
        "build",
        help="build the notebooks from notebooks/source",
        description="Build every notebook from its source, run it and keep its text outputs.",
        allow_abbrev=False,
    )
    options, rest = parser.parse_known_args(argv)
    if options.command == "lab":
        return open_lab(Path.cwd(), rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return build_notebooks(Path.cwd())


def build_notebooks(start: Path) -> int:
    """Build the notebooks at or below `start`, naming each as it is done."""
    from kubecourse.publish.build import build_all

    notebooks = start if start.name == "notebooks" else start / "notebooks"
    if not (notebooks / "source").is_dir():
        return _fail(
            f"no notebooks/source directory in {start}.",
            "Run this in the directory that you cloned kubecourse into.",
        )
    for path in build_all(notebooks):
        print(path.relative_to(start))
    return 0


def open_lab(start: Path, arguments: Sequence[str]) -> int:
    """Open JupyterLab in the notebooks at or below `start`, until the learner stops it."""
    notebooks = start if start.name == "notebooks" else start / "notebooks"
    if not notebooks.is_dir():
        return _fail(
            f"no notebooks directory in {start}.",
            "Run this in the directory that you cloned kubecourse into.",
        )
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        return _fail(
            "JupyterLab is not installed here.", "Install it with: pip install -e '.[lab]'"
        )
    options = [
        # The file browser starts among the notebooks and can go up to the manifests.
        f"--ServerApp.root_dir={notebooks.parent}",
        f"--FileContentsManager.preferred_dir={notebooks}",
        # A lesson starts without a question about news, and without the network.
        f"--LabApp.app_settings_dir={Path(__file__).parent / 'lab'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    LabApp.launch_instance([*options, *arguments])
    return 0


def _fail(what: str, advice: str) -> int:
    print(f"kubecourse: {what}\n{advice}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
