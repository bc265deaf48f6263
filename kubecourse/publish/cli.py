"""The `kubecourse` command."""

import argparse
import locale
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from kubecourse.lessons.messages import LANGUAGES, VARIABLE
from kubecourse.publish import serving

CLONED = "Run this in the directory that you cloned kubecourse into."


class Wrong(Exception):
    """What went wrong, and what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if rest and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.run(options) or 0)
    except Wrong as wrong:
        what, advice = wrong.args
        print(f"kubecourse: {what}\n{advice}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    """The commands, their options, and what runs them."""
    parser = argparse.ArgumentParser(
        prog="kubecourse",
        description="Docker and Kubernetes basics, to play with in JupyterLab.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"kubecourse {version('kubecourse')}"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int | None], help: str, more: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=more, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    command(
        "lab",
        lambda given: open_lab(Path.cwd(), given.rest),
        "open JupyterLab in the notebooks",
        "Open JupyterLab in the notebooks directory. "
        "Further arguments go to JupyterLab, for example: --no-browser --port 8899",
    )
    building = command(
        "build",
        lambda given: build_notebooks(Path.cwd(), given.chapters, given.stamp),
        "build the notebooks from notebooks/source",
        "Build the notebooks of both languages from their sources, run them and keep their text "
        "outputs.",
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
    command(
        "doctor",
        lambda given: examine(given.language),
        "say what this machine has of what the course can use",
        "Look for everything that the course can use, try it, and say how to get what is missing. "
        "The exit code is 0 if the course can be opened.",
    ).add_argument("--language", choices=LANGUAGES, help="the language of the report")
    command(
        "clean",
        lambda _: clean_up(),
        "remove what labs left in the container engine",
        "Remove every container, image, network and volume that the course made in the container "
        "engine, and nothing else.",
    )
    command(
        "fidelity",
        lambda _: keep_ledger(Path.cwd()),
        "say how faithful the simulated cluster is",
        "Run the tests that compare the simulated cluster with recordings of a real one, print "
        "how many cases agree and why others do not, and write the page of the course that says "
        "so.",
    )
    printing = command(
        "handouts",
        lambda given: make_handouts(Path.cwd(), given),
        "make the chapters as handouts, in HTML or PDF",
        "Make handouts below handouts/: each a file of its own, for A4, without need of the "
        "network. Every option may be given several times; what is left out stands for all "
        "chapters and languages, both editions, the full cut, and PDF.",
    )
    printing.add_argument("--chapter", type=int, action="append", metavar="N")
    for name, choices, help in (
        ("--lang", LANGUAGES, None),
        ("--edition", ("student", "teacher"),
         "student: room to write, no solutions; teacher: solutions, times, what to watch for"),
        ("--format", ("html", "pdf"), None),
        ("--cut", ("full", "brief"), "brief: to be projected"),
    ):  # fmt: skip
        printing.add_argument(name, choices=choices, action="append", help=help)
    serving.add_options(
        command(
            "serve",
            serve,
            "serve a simulated cluster to kubectl and other clients on this machine",
            serving.ABOUT,
        )
    )
    return parser


def build_notebooks(start: Path, chapters: Sequence[int] = (), stamp: bool = False) -> None:
    """Build the notebooks at or below `start`, naming each as it is done. Raises Wrong."""
    from kubecourse.publish import source
    from kubecourse.publish.build import build_all

    notebooks = _notebooks(start)
    sources = _sources(notebooks, chapters)
    if stamp:
        for path in sources:
            for line in source.stamp(path):
                print(f"up to date: {line}")
    with _explained():
        for path in build_all(notebooks, sources):
            print(path.relative_to(start))


def make_handouts(start: Path, wanted: argparse.Namespace) -> None:
    """Make the handouts that are wanted, telling how far it is. Raises Wrong."""
    from kubecourse.publish import chromium, course, handouts

    notebooks = _notebooks(start)
    kinds = [
        handouts.Kind(edition, cut)
        for edition in wanted.edition or ("student", "teacher")
        for cut in wanted.cut or ("full",)
    ]
    formats = wanted.format or ("pdf",)
    if "pdf" in formats and chromium.find_chromium() is None:
        print(
            "kubecourse: no Chromium or Chrome is here to print PDF, so you get HTML: open it in "
            f"a browser and print it there. {chromium.VARIABLE}=/path/to/chrome names one.",
            file=sys.stderr,
        )
    for path in _sources(notebooks, wanted.chapter or ()):
        for language in wanted.lang or LANGUAGES:
            tell = partial(_tell, f"{course.title(path, language)} ({language})")
            target = notebooks.parent / "handouts"
            with _explained():
                for made in handouts.make(notebooks, target, path, language, kinds, formats, tell):
                    print(made.relative_to(target.parent), flush=True)


@contextmanager
def _explained() -> Iterator[None]:
    """What can be wrong with a source, as something that a person can act on."""
    from nbclient.exceptions import CellExecutionError

    from kubecourse.publish import chromium, source

    try:
        yield
    except source.Untranslated as error:
        raise Wrong(
            f"texts are not ready.\n{error}",
            "Translate or explain what is listed; for texts whose Korean is right as it is: "
            "kubecourse build --stamp",
        ) from None
    except CellExecutionError as error:
        raise Wrong(f"a cell fails.\n{error}", "Repair it in notebooks/source.") from None
    except chromium.Failed as failed:
        raise Wrong(
            f"Chromium failed: {failed}", f"{chromium.VARIABLE}=/path/to/chrome names another."
        ) from None


def _notebooks(start: Path) -> Path:
    return start if start.name == "notebooks" else start / "notebooks"


def _sources(notebooks: Path, chapters: Sequence[int]) -> list[Path]:
    """The sources of some chapters, or of all. Raises Wrong."""
    from kubecourse.publish import course

    sources = course.sources(notebooks / "source")
    if not sources:
        raise Wrong(
            f"no notebooks/source directory in {notebooks.parent}.",
            CLONED,
        )
    if unknown := set(chapters) - set(map(course.number, sources)):
        raise Wrong(
            f"no source of chapter {', '.join(map(str, sorted(unknown)))}.",
            f"There are: {', '.join(path.stem for path in sources)}.",
        )
    return [path for path in sources if not chapters or course.number(path) in chapters]


def _tell(title: str, done: int, total: int) -> None:
    """How many cells of a chapter have been run, on one line of a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(f"{title}: {done} of {total} cells run", end=end, file=sys.stderr, flush=True)
    elif done == total:
        print(f"{title}: {total} cells run", file=sys.stderr, flush=True)


def keep_ledger(root: Path) -> int:
    """Print how faithful the cluster is, and write the page; 1 if a case fails unexpectedly."""
    from kubecourse.publish import fidelity

    if not (root / "data" / "fidelity.yaml").is_file():
        raise Wrong(
            f"no data/fidelity.yaml in {root}.",
            CLONED,
        )
    try:
        cases = fidelity.run(root)
    except (fidelity.LedgerError, ImportError) as error:
        raise Wrong(
            f"the tests do not run.\n{error}", "Install them: pip install -e '.[test]'"
        ) from None
    print(fidelity.table(fidelity.load(root), cases))
    if any(case.outcome == "failed" for case in cases):
        return 1
    for path in fidelity.write(root, cases):
        print(path.relative_to(root))
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


def serve(options: argparse.Namespace) -> None:
    """Serve a cluster until it is stopped."""
    from kubecourse.cluster import CourseError

    try:
        service = serving.serve(options)
    except (ImportError, OSError, ValueError, CourseError) as problem:
        raise Wrong(*serving.explained(problem)) from None
    serving.attend(service)


def clean_up() -> None:
    """Remove what labs left in the container engine, and print it."""
    from kubecourse.containers import EngineError, clean

    try:
        print(clean())
    except EngineError as error:
        raise Wrong("nothing can be removed.", str(error)) from None


def open_lab(start: Path, arguments: Sequence[str]) -> None:
    """Open JupyterLab in the notebooks at or below `start`, until the learner stops it.

    Raises Wrong.
    """
    notebooks = _notebooks(start)
    if not notebooks.is_dir():
        raise Wrong(
            f"no notebooks directory in {start}.",
            CLONED,
        )
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        raise Wrong(
            "JupyterLab is not installed here.", "Install it with: pip install -e '.[lab]'"
        ) from None
    options = [
        # The file browser starts among the notebooks and can go up to the manifests.
        f"--ServerApp.root_dir={notebooks.parent}",
        f"--FileContentsManager.preferred_dir={notebooks}",
        "--ServerApp.contents_manager_class=kubecourse.publish.contents.Unspoilt",
        # A lesson starts without a question about news, and without the network.
        f"--LabApp.app_settings_dir={Path(__file__).parent / 'lab'}",
    ]
    if (first := _first(notebooks)) is not None:
        options.append(f"--LabApp.default_url=/lab/tree/{first}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    LabApp.launch_instance([*options, *arguments])


def _first(notebooks: Path) -> str | None:
    """Chapter 1, in the language of the machine, for a learner who has not opened it yet.

    All others find JupyterLab as they left it.
    """
    told = (os.environ.get(name) for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"))
    spoken = next(filter(None, told), None) or locale.getlocale()[0] or ""
    edition = notebooks / "ko" if spoken.lower().startswith("ko") else notebooks
    chapter = min(edition.glob("01_*.ipynb"), default=None)
    # JupyterLab keeps a copy of each notebook that it has opened.
    if chapter is None or (edition / ".ipynb_checkpoints").exists():
        return None
    return chapter.relative_to(notebooks.parent).as_posix()


if __name__ == "__main__":
    raise SystemExit(main())
