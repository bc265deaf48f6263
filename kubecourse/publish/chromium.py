"""A Chromium or Chrome of this machine's own: it draws and prints handouts, and runs browser tests.

It works without the network, and with a profile that is thrown away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VARIABLE = "KUBECOURSE_CHROMIUM"
TIMEOUT = 120
"""Wall-clock seconds that a page may take."""

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=60000",  # of the page's own time, which passes as fast as it can
)


class Failed(Exception):
    """Chromium did not do what it was asked to; the text is what it said."""


def find_chromium() -> str | None:
    """Its path, or None. `KUBECOURSE_CHROMIUM` in the environment names another one."""
    if named := os.environ.get(VARIABLE):
        return named
    on_path = next(filter(None, map(shutil.which, _COMMANDS)), None)
    return on_path or next((each for each in _APPLICATIONS if Path(each).exists()), None)


def draw(page: str) -> str:
    """An HTML page as it is when its scripts have run. Raises Failed."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "page.html"
        path.write_text(page, encoding="utf-8")
        drawn = _run("--dump-dom", path.as_uri())
    if not drawn.strip():
        raise Failed("the page came out empty")
    return drawn


def print_pdf(page: Path, target: Path) -> None:
    """Print an HTML page as PDF, with an outline and tagged for readers. Raises Failed."""
    target.unlink(missing_ok=True)
    _run(
        f"--print-to-pdf={target.resolve()}",
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",
        "--export-tagged-pdf",
        page.resolve().as_uri(),
    )
    if not target.exists():
        raise Failed(f"{target.name} was not printed")


def _run(*arguments: str) -> str:
    """What Chromium prints."""
    found = find_chromium()
    if found is None:
        raise Failed("there is no Chromium or Chrome")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [*_OPTIONS, f"--user-data-dir={profile}", *(["--no-sandbox"] * as_root)]
        try:
            done = subprocess.run(
                [found, *options, *arguments],
                capture_output=True,
                timeout=TIMEOUT,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(str(error)) from None
    if done.returncode:
        raise Failed(done.stderr.decode(errors="replace").strip()[-500:])
    return done.stdout.decode(errors="replace")
