"""The `kubecourse` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from kubecourse.lessons.messages import LANGUAGES


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
    building = commands.add_parser(
        "build",
        help="build the notebooks from notebooks/source",
        description="Build the notebooks of both languages from their sources, run them and keep "
        "their text outputs.",
        allow_abbrev=False,
    )
    building.add_argument(
        "chapters", nargs="*", type=int, metavar="CHAPTER", help="only these, for example: 1 4"
    )
    building.add_argument(
        "--stamp",
        action="store_true",
        help="first declare every translation up to date with its English; "
        "say so only after reading them",
    )
    examination = commands.add_parser(
        "doctor",
        help="say what this machine has of what the course can use",
        description="Look for everything that the course can use, try it, and say how to get what "
        "is missing. The exit code is 0 if the course can be opened.",
        allow_abbrev=False,
    )
    examination.add_argument("--language", choices=LANGUAGES, help="the language of the report")
    options, rest = parser.parse_known_args(argv)
    if options.command == "lab":
        return open_lab(Path.cwd(), rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.command == "doctor":
        return examine(options.language)
    return build_notebooks(Path.cwd(), options.chapters, options.stamp)


def build_notebooks(start: Path, chapters: Sequence[int] = (), stamp: bool = False) -> int:
    """Build the notebooks at or below `start`, naming each as it is done."""
    from kubecourse.publish import source
    from kubecourse.publish.build import build_all

    notebooks = start if start.name == "notebooks" else start / "notebooks"
    if not (notebooks / "source").is_dir():
        return _fail(
            f"no notebooks/source directory in {start}.",
            "Run this in the directory that you cloned kubecourse into.",
        )
    sources = sorted((notebooks / "source").glob("[0-9][0-9]_*.md"))
    if unknown := set(chapters) - {int(path.name[:2]) for path in sources}:
        return _fail(
            f"no source of chapter {', '.join(map(str, sorted(unknown)))}.",
            f"There are: {', '.join(path.stem for path in sources)}.",
        )
    sources = [path for path in sources if not chapters or int(path.name[:2]) in chapters]
    if stamp:
        for path in sources:
            for line in source.stamp(path):
                print(f"up to date: {line}")
    try:
        for path in build_all(notebooks, sources):
            print(path.relative_to(start))
    except source.Untranslated as error:
        return _fail(
            f"the Korean edition is behind.\n{error}",
            "Translate what is listed; for texts whose Korean is right as it is: "
            "kubecourse build --stamp",
        )
    return 0


def examine(language: str | None) -> int:
    """Print what this machine has and lacks; 0 if the course can be opened."""
    from kubecourse.lessons import messages
    from kubecourse.publish import doctor

    if language is not None:
        messages.language(language)
    report = doctor.doctor()
    print(report)
    return 0 if report.can_open else 1


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
