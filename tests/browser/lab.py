"""JupyterLab as a learner sees it: a server of its own, a headless browser, one notebook.

with JupyterLab(directory, home) as lab, Browser() as browser:
    notebook = browser.open(lab, "notebooks/04_kubernetes_objects.ipynb")
    cells = notebook.run_all()
    times = notebook.sliders()[0].timed_steps(10)   # seconds from the key to the picture on screen
    assert notebook.controls_deaf_to_keys() == []
    notebook.theme("dark")
    assert notebook.violations() == []
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import playwright.sync_api as playwright
from axe_playwright_python.sync_playwright import Axe

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


def slowdown() -> float:
    """How much longer work takes here than it would if nobody else were at work."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.2:
        pass
    return (time.perf_counter() - wall) / (time.process_time() - cpu)


PATIENT = """{
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = milliseconds => timeout(15 * milliseconds);
}"""
"""Plots are given up (by anywidget) after 2 seconds, in which other tests may have the machine."""

OUTPUT = ".jp-Notebook .jp-OutputArea-output"

KEYS = {
    "[role=slider]": ["ArrowRight", "ArrowLeft"],
    "select": ["ArrowDown", "ArrowUp"],
    "input[type=radio]": ["ArrowDown", "ArrowUp"],
    "input[type=checkbox]": ["Space"],
    "input": ["End", "1"],
    "textarea": ["1"],
    "button": ["Space", "Enter"],
}
"""Kinds of control, and keys of which one must be heard."""

KIND = """(control, kinds) => [
    kinds.find(kind => control.matches(kind)),
    control.tabIndex >= 0,
    control.outerHTML.slice(0, 200),
]"""
"""Which kind of control it is, whether Tab reaches it, and how it is written."""

LISTEN = """control => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const cell = notebook.activeCellIndex;
    window.answered = window.reachable = null;
    const note = () => {
        window.answered = control;
        window.reachable = control.tabIndex >= 0 && notebook.activeCellIndex === cell
            && control.ownerDocument.activeElement.closest('.jp-OutputArea') !== null;
    };
    // Arrows choose another radio button of the group.
    const heard = control.closest('.widget-radio-box') ?? control;
    for (const event of ['input', 'change', 'click'])
        heard.addEventListener(event, note, {once: true});
    if (control.matches('[role=slider]'))
        new MutationObserver((_, observer) => { observer.disconnect(); note(); })
            .observe(control, {attributeFilter: ['aria-valuenow']});
}"""

WATCH_PICTURE = """handle => {
    const control = handle.closest('.widget-slider');
    window.pictureChanged = new Promise((resolve, reject) => {
        let pressed = null, calm;
        for (const begin of ['keydown', 'pointerdown'])
            control.addEventListener(begin, event => { pressed ??= event.timeStamp; },
                                     {capture: true, once: true});
        const observer = new MutationObserver(changes => {
            if (pressed === null || changes.every(change => control.contains(change.target)))
                return;
            requestAnimationFrame(() => setTimeout(() => {
                const painted = performance.now();
                clearTimeout(calm);
                calm = setTimeout(() => {
                    observer.disconnect();
                    resolve(painted - pressed);
                }, 200);
            }));
        });
        observer.observe(handle.closest('.jp-OutputArea-output'),
                         {subtree: true, childList: true, attributes: true, characterData: true});
        setTimeout(() => reject(new Error('the picture does not change')), 15000);
    });
    window.pictureChanged.catch(() => {});
}"""
"""Promises the milliseconds from a key or a click to the frame after the picture's last change."""

FAINT = """() => {
    const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const luminance = colour => colour.slice(0, 3).map(value => linear(value / 255))
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    const parse = text => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const over = (top, below) => {
        const share = top[3] ?? 1;
        return below.map((value, i) => top[i] * share + value * (1 - share));
    };
    let paper = document.querySelector('.jp-Notebook');
    while (parse(getComputedStyle(paper).backgroundColor)[3] === 0) paper = paper.parentElement;
    const page = parse(getComputedStyle(paper).backgroundColor);
    // The filled shapes of a picture, in the order in which they are painted.
    const pictures = new Map();
    const shapes = picture => {
        if (!pictures.has(picture))
            pictures.set(picture, [...picture.querySelectorAll('path, rect')].flatMap(shape => {
                const style = getComputedStyle(shape), box = shape.getBoundingClientRect();
                if (style.fill === 'none' || style.fill.startsWith('url')) return [];
                const fill = parse(style.fill);
                fill[3] = (fill[3] ?? 1) * style.fillOpacity * style.opacity;
                return fill[3] ? [{shape, fill, box}] : [];
            }));
        return pictures.get(picture);
    };
    // What lies under a text: what is painted before it and holds its middle.
    const background = text => {
        const middle = text.getBoundingClientRect();
        const x = middle.x + middle.width / 2, y = middle.y + middle.height / 2;
        let found = page.slice(0, 3);
        for (const {shape, fill, box} of shapes(text.closest('.svg-container, svg')))
            if (x > box.left && x < box.right && y > box.top && y < box.bottom
                && shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)
                found = over(fill, found);
        return found;
    };
    return [...document.querySelectorAll('.jp-OutputArea-output svg text')].flatMap(text => {
        const leaves = text.querySelectorAll('tspan').length
            ? [...text.querySelectorAll('tspan')] : [text];
        return leaves.flatMap(leaf => {
            const words = leaf.textContent.trim();
            if (!/[\\p{L}\\d]/u.test(words) || !leaf.getBoundingClientRect().width) return [];
            const below = background(text), style = getComputedStyle(leaf);
            const ink = parse(style.fill);
            ink[3] = (ink[3] ?? 1) * style.fillOpacity;
            const [dark, light] = [luminance(over(ink, below)), luminance(below)]
                .sort((a, b) => a - b);
            const ratio = (light + 0.05) / (dark + 0.05);
            const colours = `${style.fill} on ${below.map(Math.round)}`;
            return ratio < 4.5 ? [`contrast ${ratio.toFixed(1)}: ${words} (${colours})`] : [];
        });
    });
}"""
"""Text in pictures, which axe-core does not look at: contrast below 4.5 (WCAG 2.2, 1.4.3)."""


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
        self._set("notebook-extension", "tracker", '{"windowingMode": "none"}')
        # Every test finds the notebooks as they are published.
        self._set("docmanager-extension", "plugin", '{"autosave": false}')

    def _set(self, extension: str, plugin: str, settings: str) -> None:
        directory = self.home / "settings" / "@jupyterlab" / extension
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{plugin}.jupyterlab-settings").write_text(settings)


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

    def execute(self, code: str) -> None:
        """Let the kernel run code that stands in no cell."""
        self.page.evaluate(
            """async code => {
                const session = window.jupyterapp.shell.currentWidget.sessionContext.session;
                await session.kernel.requestExecute({code, silent: true}).done;
            }""",
            code,
        )

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

    def broken_widgets(self) -> list[str]:
        """What stands where a widget should be; nothing at all is "nothing"."""
        words = r"Error (displaying|creating) widget|Loading widget|Model not found"
        broken = self.page.locator(OUTPUT).filter(has_text=re.compile(words)).all_inner_texts()
        widgets = self.page.locator(f"{OUTPUT}:has(.jupyter-widgets)")
        heights = widgets.evaluate_all("all => all.map(one => one.offsetHeight)")
        return broken + ["nothing" for height in heights if height < 10]

    def close(self) -> None:
        """Close the page, and end the notebook's kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

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

    def sliders(self) -> list[Slider]:
        """All sliders, from top to bottom."""
        return [Slider(one) for one in self.page.locator(f"{OUTPUT} .widget-slider").all()]

    def wait_for_plots(self, condition: Callable[[list[Plot]], bool], timeout: float = 10) -> None:
        wait_until(lambda: condition(self.plots()), timeout, "the plots look as expected")

    # --- for everybody: by keyboard, in both themes, with names and enough contrast

    def theme(self, name: str) -> None:
        """Change to the theme `light` or `dark`."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {name.capitalize()}",
        )
        wanted = str(name == "light").lower()
        self.page.locator(f"body[data-jp-theme-light={wanted}]").wait_for(
            state="attached", timeout=15_000
        )
        self.page.wait_for_timeout(300)  # colours fade over

    def controls_deaf_to_keys(self, every: bool = False) -> list[str]:
        """The controls in outputs that Tab does not reach or that do not answer to their key.

        In each output one control of each kind is used as one does without a mouse, or `every`
        one. It must answer, and neither lose the focus nor move the notebook.
        """
        deaf = []
        controls = f":is({', '.join(KEYS)})"
        for output in self.page.locator(f"{OUTPUT}:has({controls})").all():
            used: set[str] = set()
            # The elements themselves: what a key changes may change how many there are.
            for control in output.locator(controls).element_handles():
                if not control.is_visible() or not control.is_enabled():
                    continue
                kind, reached, what = control.evaluate(KIND, list(KEYS))
                if not reached:
                    deaf.append(what)
                elif every or kind not in used:
                    deaf += self._deaf(control, kind, what)
                used.add(kind)
        return deaf

    def _deaf(self, control: playwright.ElementHandle, kind: str, what: str) -> list[str]:
        control.scroll_into_view_if_needed()
        control.focus()
        control.evaluate(LISTEN)
        for key in KEYS[kind]:
            self.page.keyboard.press(key)
            with suppress(TimeoutError):
                wait_until(lambda: control.evaluate("e => window.answered === e"), 1, "it answers")
                self._wait_for_kernel(30)
                kept = self.page.evaluate("window.reachable")
                return [] if kept else [f"lost the focus: {what}"]
        return [what]

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the outputs, and plots whose text is hard to read."""
        # JupyterLab's body has no height and hides what flows over: axe would see nothing at all.
        self.page.add_style_tag(content="body { height: 100vh }")
        text = ".jp-RenderedText"  # is JupyterLab's own, with the links that it makes of addresses
        context = {"include": [[f"{OUTPUT}:not({text})"]], "exclude": [[text]]}
        found = Axe().run(self.page, context, {"resultTypes": ["violations"]})
        complaints = [
            f"{violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]
        return complaints + self.page.evaluate(FAINT)

    # --- pictures

    def screenshot(self, name: str) -> Path:
        """Take a picture of the page into the directory of test artefacts."""
        path = _artifact(name)
        self.page.screenshot(path=path)
        return path

    def screenshots(self, name: str) -> None:
        """Take pictures of the whole notebook, one below the other."""
        panel = self.page.locator(".jp-WindowedPanel-outer").first
        height, seen = panel.evaluate("e => [e.scrollHeight, e.clientHeight]")
        for number, top in enumerate(range(0, height, seen)):
            panel.evaluate("(e, top) => { e.scrollTop = top; }", top)
            panel.screenshot(path=_artifact(f"{name}/page-{number:02}"))

    def pictures(self, name: str) -> None:
        """Take a picture of each widget."""
        for number, widget in enumerate(self.page.locator(f"{OUTPUT}:has(.jupyter-widgets)").all()):
            widget.screenshot(path=_artifact(f"{name}/widget-{number:02}"))

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

    @property
    def label(self) -> str:
        return self.locator.locator(".widget-label").first.inner_text()

    def picture(self) -> bytes:
        """How the output that the slider belongs to looks, without its controls."""
        output = self.locator.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')]")
        controls = output.first.locator(".widget-slider, .widget-dropdown, .widget-button").all()
        return output.first.screenshot(mask=controls)

    def at_both_ends(self) -> list[bytes]:
        """How the picture looks with the slider at its left end, and at its right."""
        handle = self._focused()
        pictures = []
        for key in ("Home", "End"):
            self._press(handle, key)
            pictures.append(self.picture())
        return pictures

    def timed_steps(self, steps: int) -> list[float]:
        """Seconds from the key until the picture beside the slider was all there, for each step.

        From where it stands to the right, and from the right end back. One frame after the last
        change of anything in the output but the slider itself. Raises playwright's Error if nothing
        changes.
        """
        handle = self._focused()
        times: list[float] = []
        for key in ("ArrowRight", "ArrowLeft", "ArrowRight"):
            while len(times) < steps and (seconds := self._press(handle, key)):
                times.append(seconds)
        return times

    @property
    def place(self) -> float:
        """Where it stands."""
        return float(self.locator.locator(".noUi-handle").first.get_attribute("aria-valuenow") or 0)

    def go(self, place: float) -> None:
        """Move it there, and wait for the picture."""
        handle, before = self._focused(), self.place
        if before == place:
            return
        handle.evaluate(WATCH_PICTURE)
        left, right = (float(handle.get_attribute(f"aria-value{a}") or 0) for a in ("min", "max"))
        track = self.locator.locator(".noUi-base")
        width, height = track.evaluate("e => [e.offsetWidth, e.offsetHeight]")
        near = {"x": width * (place - left) / (right - left), "y": height / 2}
        track.click(position=near, force=True)
        while (now := self.place) != place:
            handle.press("ArrowRight" if now < place else "ArrowLeft")
        handle.page.evaluate("window.pictureChanged")

    def _press(self, handle: playwright.Locator, key: str) -> float:
        before = handle.get_attribute("aria-valuenow")
        handle.evaluate(WATCH_PICTURE)
        handle.press(key)
        if handle.get_attribute("aria-valuenow") == before:
            return 0.0  # there is no further
        return float(handle.page.evaluate("window.pictureChanged")) / 1000

    def _focused(self) -> playwright.Locator:
        handle = self.locator.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        return handle

    def press(self, key: str, times: int = 1) -> None:
        handle = self._focused()
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

    def open(self, lab: JupyterLab, path: str, timeout: float = 120) -> Notebook:
        """Open a notebook by its path below the server's root, and wait for its kernel."""
        page = self._browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(PATIENT)
        notebook = Notebook(page)

        def note_request(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in LOOPBACK:
                notebook.outside_requests.append(url)

        def note_console(message: playwright.ConsoleMessage) -> None:
            # Not the page's doing: somebody on this machine has started a container.
            if message.type == "error" and "ERR_NETWORK_CHANGED" not in message.text:
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


def _artifact(name: str) -> Path:
    path = ARTIFACTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
