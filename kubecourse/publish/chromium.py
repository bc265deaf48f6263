"""A Chromium or Chrome of this machine's own: it prints handouts as PDF and runs browser tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "KUBECOURSE_CHROMIUM"

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)


def find_chromium() -> str | None:
    """Its path, or None. `KUBECOURSE_CHROMIUM` in the environment names another one."""
    if named := os.environ.get(VARIABLE):
        return named
    on_path = next(filter(None, map(shutil.which, _COMMANDS)), None)
    return on_path or next((each for each in _APPLICATIONS if Path(each).exists()), None)
