"""JupyterLab as a learner sees it: a server of its own, a headless browser, one notebook.

with JupyterLab(directory, home) as lab, Browser() as browser:
    notebook = browser.open(lab, "notebooks/04_kubernetes_objects.ipynb")
    cells = notebook.run_all()
    notebook.slider("replicas").press("ArrowRight", times=2)
    assert notebook.plots()[0].title == "5 of 5 are ready"
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import playwright.sync_api as playwright

from kubecourse.publish.chromium import find_chromium

T = TypeVar("T")

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ARTIFACTS = Path(
    os.environ.get("KUBECOURSE_ARTIFACTS", Path(__file__).parents[2] / "test-artifacts")
)

CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # Whatever is not on this machine cannot be found, so a lesson that needs it fails at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def wait_until(condition: Callable[[], T], timeout: float, what: str) -> T:
    """Poll until `condition` is true, and return what it returned."""
    end = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(0.05)
    return result


class JupyterLab:
    """`kubecourse lab` on a free port, with settings and a home directory of its own.

    `root` is a directory that holds `notebooks`, as the repository does.
    """

    token = "kubecourse-tests"

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home
        self.log = home / "jupyterlab.log"
        self.port = _free_port()

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        command = [
            sys.executable,
            *("-m", "kubecourse.publish.cli", "lab", "--no-browser", "--ip=127.0.0.1"),
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
        ]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.root,
                env=os.environ | self._directories(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._answers, 60, "JupyterLab answers")
        except BaseException as error:
            self.__exit__(None, None, None)
            error.add_note(f"{self.log}:\n{self.log.read_text()[-3000:]}")
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()  # the server then shuts its kernels down
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with code {self._process.returncode}")
        try:
            with urllib.request.urlopen(self.url("api/status"), timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _directories(self) -> dict[str, str]:
        names = {
            "HOME": "",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        isolated = {name: str(self.home / below) for name, below in names.items()}
        return isolated | {"JUPYTER_PREFER_ENV_PATH": "1"}

    def _write_settings(self) -> None:
        # Keep every cell on the page, also those out of sight.
        tracker = self.home / "settings" / "@jupyterlab" / "notebook-extension"
        tracker.mkdir(parents=True, exist_ok=True)
        (tracker / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')


@dataclass(frozen=True)
class Cell:
    """A code cell after it was run."""

    source: str
    execution_count: int | None
    tags: list[str]
    outputs: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """What the cell printed and what its last line was worth, as text."""
        pieces = []
        for output in self.outputs:
            piece = output.get("text") or output.get("data", {}).get("text/plain", "")
            pieces.append(piece if isinstance(piece, str) else "".join(piece))
        return "".join(pieces)

    @property
    def error(self) -> str | None:
        for output in self.outputs:
            if output["output_type"] == "error":
                return f"{output['ename']}: {output['evalue']}"
        return None

    @property
    def unexpected_error(self) -> str | None:
        return None if "raises-exception" in self.tags else self.error


@dataclass(frozen=True)
class Plot:
    """A plotly figure as the page shows it."""

    title: str
    traces: list[dict[str, Any]]


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab, with its kernel connected."""

    page: playwright.Page
    console_errors: list[str] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)

    def run_all(self, timeout: float = 120) -> list[Cell]:
        """Clear all outputs, run all cells, and return the code cells that are not empty."""
        self.page.evaluate(
            """() => {
                window.runAll = 'running';
                const commands = window.jupyterapp.commands;
                commands.execute('notebook:clear-all-cell-outputs')
                    .then(() => commands.execute('notebook:run-all-cells'))
                    .then(() => { window.runAll = 'done'; },
                          error => { window.runAll = String(error); });
            }"""
        )
        outcome = wait_until(
            lambda: self.page.evaluate("window.runAll !== 'running' && window.runAll"),
            timeout,
            "all cells have run",
        )
        assert outcome == "done", outcome
        self._wait_for_kernel(timeout)
        return self.cells()

    def cells(self) -> list[Cell]:
        found = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code')
                .map(cell => ({
                    source: cell.model.sharedModel.getSource(),
                    execution_count: cell.model.executionCount,
                    tags: cell.model.getMetadata('tags') ?? [],
                    outputs: cell.model.outputs.toJSON(),
                }))
                .filter(cell => cell.source.trim() !== '')"""
        )
        return [Cell(**cell) for cell in found]

    def slider(self, label: str) -> Slider:
        """The first slider whose label holds `label`, in any case."""
        sliders = self.page.locator(".jp-OutputArea .widget-slider")
        slider = sliders.filter(has_text=label).first
        slider.wait_for(timeout=15_000)
        return Slider(slider)

    def plots(self) -> list[Plot]:
        """All figures on the page, from top to bottom."""
        found = self.page.evaluate(
            """() => [...document.querySelectorAll('.jp-OutputArea .js-plotly-plot')]
                .filter(plot => plot._fullData)
                .map(plot => ({
                    title: plot.querySelector('.gtitle')?.textContent ?? '',
                    traces: plot._fullData.map(trace => ({
                        type: trace.type,
                        name: trace.name,
                        x: Array.from(trace.x ?? []),
                        y: Array.from(trace.y ?? []),
                    })),
                }))"""
        )
        return [Plot(**plot) for plot in found]

    def wait_for_plots(self, condition: Callable[[list[Plot]], bool], timeout: float = 10) -> None:
        wait_until(lambda: condition(self.plots()), timeout, "the plots look as expected")

    def screenshot(self, name: str) -> Path:
        """Take a picture of the page into the directory of test artefacts."""
        path = ARTIFACTS / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        return path

    def _wait_for_kernel(self, timeout: float) -> None:
        # "Idle" alone is not enough: it is shown before the kernel is connected, and cells that
        # are run then are lost without a word.
        self.page.wait_for_function(
            """() => {
                const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
                const kernel = session?.session?.kernel;
                return session?.isReady && kernel?.connectionStatus === 'connected'
                    && kernel.status === 'idle';
            }""",
            timeout=timeout * 1000,
        )


@dataclass(frozen=True)
class Slider:
    """A slider on the page, moved as one moves it without a mouse."""

    locator: playwright.Locator

    def press(self, key: str, times: int = 1) -> None:
        handle = self.locator.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(times):
            handle.press(key)

    @property
    def value(self) -> str:
        return self.locator.locator(".widget-readout").inner_text()


class Browser:
    """A headless Chromium."""

    def __enter__(self) -> Self:
        self._playwright = playwright.sync_playwright().start()
        try:
            is_root = hasattr(os, "geteuid") and os.geteuid() == 0
            self._browser = self._playwright.chromium.launch(
                executable_path=find_chromium(),
                args=[*CHROMIUM_FLAGS, *(["--no-sandbox"] if is_root else [])],
            )
        except BaseException:
            self._playwright.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._browser.close()
        # Leaves no event loop behind, which nbval's kernels would trip over.
        self._playwright.stop()

    def open(self, lab: JupyterLab, path: str, timeout: float = 60) -> Notebook:
        """Open a notebook by its path below the server's root, and wait for its kernel."""
        page = self._browser.new_page(viewport={"width": 1280, "height": 900})
        notebook = Notebook(page)

        def note_request(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in LOOPBACK:
                notebook.outside_requests.append(url)

        def note_console(message: playwright.ConsoleMessage) -> None:
            if message.type == "error":
                notebook.console_errors.append(message.text)

        page.on("request", lambda request: note_request(request.url))
        page.on("websocket", lambda websocket: note_request(websocket.url))
        page.on("console", note_console)
        page.on("pageerror", lambda error: notebook.console_errors.append(str(error)))
        # Without the tabs that an earlier page had open on the same server.
        page.goto(lab.url(f"lab/tree/{quote(path)}") + "&reset")
        page.locator(".jp-NotebookPanel .jp-Notebook .jp-Cell").first.wait_for(
            timeout=timeout * 1000
        )
        notebook._wait_for_kernel(timeout)
        return notebook


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
