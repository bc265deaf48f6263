"""Handouts: a chapter on paper. One file each, no network, A4; pictures instead of widgets.

A chapter is run once for each language. From what it shows, pages are made of two editions (the
student's has room to write and no solutions; the teacher's has solutions, times and what to watch
for) and two cuts (full; brief, to be projected). Chromium draws the plots and prints the PDF;
without one, the page keeps the script that draws them in the reader's own browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from kubecourse.lessons.exercises import predict
from kubecourse.lessons.exercises.exercise import HINTS, Task
from kubecourse.lessons.messages import language, messages, speaking, text
from kubecourse.lessons.still import plot
from kubecourse.publish import build, chromium, course
from kubecourse.publish.source import FIRST, TEACHER, WIDGET, edition

EDITIONS = ("student", "teacher")
FORMATS = ("html", "pdf")
CUTS = ("full", "brief")
ROOM = range(4, 13)
"""Lines to write on: as many as the solution has, within this."""

TYPE = {
    "en": '"Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
    "ko": '"NanumGothic", "Nanum Gothic", "Apple SD Gothic Neo", "Malgun Gothic", '
    '"DejaVu Sans", "Noto Sans KR", "Noto Sans CJK KR", sans-serif',  # DejaVu: signs such as ✓
}
"""Type faces, the first that is there. Chromium draws Noto Sans CJK instead of embedding it, and
its text then cannot be copied in order: so it comes last."""
SHORT = 16
"""Lines of output that are not torn apart."""
WIDEST = 130
"""Letters of a line that fit on paper in the smallest type; a longer one is wrapped as it is."""

_BEFORE = "from kubecourse.lessons import still; still.watch()"
_AFTER = "import json; from kubecourse.lessons.still import stills; print(json.dumps(stills()))"
_EXERCISE = re.compile(r"^\w+\.(\w+)$")
_PREDICTION = re.compile(r"^predict\([\"'](\w+)[\"']\)$", re.MULTILINE)
_PROGRESS = re.compile(r"^progress\(", re.MULTILINE)
_LOCAL_LINK = re.compile(r'<a href="(?!https?:)[^"]*">(.*?)</a>', re.DOTALL)
_LINES = re.compile(r"[\u2500-\u25bf]+")
"""What pictures made of letters are drawn with."""
_ESCAPE_CODES = re.compile(r"\x1b\[[0-9;]*m")
_PLOT = re.compile(r'<div class="plot".*?</div>', re.DOTALL)
_PICTURE = re.compile(r'<img class="plot".*?>', re.DOTALL)
_MARKDOWN = MarkdownIt().enable("table")
_LEXER = get_lexer_by_name("ipython")
_STYLE = HtmlFormatter(style="default", nowrap=True)


class Kind(NamedTuple):
    """Which handout is wanted."""

    edition: str
    cut: str

    def name(self, source: Path) -> str:
        """The name of its file, without the suffix."""
        return "-".join([source.stem, self.edition, *(["brief"] if self.cut == "brief" else [])])


def make(
    notebooks: Path,
    target: Path,
    source: Path,
    language: str,
    kinds: Sequence[Kind],
    formats: Sequence[str],
    tell: Callable[[int, int], None],
) -> Iterator[Path]:
    """Handouts of a chapter in a language, below `target`; yields each file as it is written.

    `tell` hears how many cells have been run, and of how many. Without Chromium, pages are HTML
    whatever was asked for. Raises Untranslated, CellExecutionError, and chromium.Failed.
    """
    notebook = show(notebooks, source, language, tell)
    has_chromium = chromium.find_chromium() is not None
    if has_chromium:
        draw_plots(notebook, language)
    folder = target / language
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        content = page(source, notebook, language, kind)
        path = folder / f"{kind.name(source)}.html"
        path.write_text(content, encoding="utf-8")
        if "html" in formats or not has_chromium:
            yield path
        if "pdf" in formats and has_chromium:
            chromium.print_pdf(path, path.with_suffix(".pdf"))
            yield path.with_suffix(".pdf")
        if "html" not in formats and has_chromium:
            path.unlink()


def show(
    notebooks: Path, source: Path, language: str, tell: Callable[[int, int], None] = lambda *_: None
) -> Any:
    """A chapter's edition with the teacher's notes, run, with a static picture of every widget."""
    notebook, pictures = run(notebooks, source, language, tell)
    illustrate(notebook, pictures)
    return notebook


def run(
    notebooks: Path, source: Path, language: str, tell: Callable[[int, int], None] = lambda *_: None
) -> tuple[Any, dict[str, str]]:
    """A chapter's edition with the teacher's notes, run, and the pictures of its widgets."""
    import nbformat

    notebook = edition(source, language)
    course.complete(source, notebook, language)
    lesson, last = notebook.cells, nbformat.v4.new_code_cell(_AFTER)
    notebook.cells = [*lesson, last]
    directory = notebooks if language == FIRST else notebooks / language

    def told(done: int) -> None:
        if done <= len(lesson):
            tell(done, len(lesson))

    build.run(notebook, directory, language, told, _BEFORE)
    notebook.cells = lesson
    for cell in lesson:
        if cell.cell_type == "code":
            cell.outputs = list(build.whole_streams(cell.outputs))
    return notebook, json.loads(last.outputs[0].text)


def illustrate(notebook: Any, pictures: dict[str, str]) -> None:
    """Put a static picture beside every widget and every plot."""
    for output in _shown(notebook):
        if figure := output.data.get(build.PLOT):
            title = figure.get("layout", {}).get("title", {}).get("text")
            output.data["text/html"] = plot(json.dumps(figure), title)
        elif WIDGET in output.data and "text/html" not in output.data:
            output.data["text/html"] = pictures[output.data[WIDGET]["model_id"]]


def draw_plots(notebook: Any, language: str) -> None:
    """Put pictures in place of the data of plots. Raises chromium.Failed."""
    outputs = [output for output in _shown(notebook) if _PLOT.search(_html(output))]
    if not outputs:
        return
    plots = [each for output in outputs for each in _PLOT.findall(_html(output))]
    drawing = _template("plots.html").render(
        language=language, type=TYPE[language], plots=plots, plotly=_plotly()
    )
    pictures = iter(_PICTURE.findall(chromium.draw(drawing)))
    for output in outputs:
        output.data["text/html"] = _PLOT.sub(lambda _: next(pictures), _html(output))


def _shown(notebook: Any) -> Iterator[Any]:
    """The outputs that are more than printed text."""
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", ()) if "data" in output)


def _html(output: Any) -> str:
    return str(output.data.get("text/html", ""))


def page(source: Path, notebook: Any, language: str, kind: Kind) -> str:
    """The HTML of a handout; its plots are data, and a script that draws them."""
    with speaking(language):
        return _template("page.html").render(
            text=text,
            language=language,
            type=TYPE[language],
            title=course.title(source, language),
            kind=kind,
            blocks=list(_blocks(source, notebook, kind)),
            sections=course.sections(source, notebook),
            colours=_STYLE.get_style_defs(".code"),
            plotly=_plotly() if any(_PLOT.search(_html(each)) for each in _shown(notebook)) else "",
        )


def _blocks(source: Path, notebook: Any, kind: Kind) -> Iterator[dict[str, Any]]:
    """What the page is made of, in order: each with a `type`, `html` and `outputs`."""
    tasks = course.exercises(source)
    sections = iter(course.sections(source, notebook))
    for cell in notebook.cells:
        words = cell.source.strip()
        if cell.cell_type == "markdown":
            if cell.metadata.get("for") == TEACHER:
                if kind.edition == "teacher":
                    yield _block("note", _markdown(words))
                continue
            html = _markdown(words, kind.cut)
            if words.startswith("## "):
                html = html.replace("</h2>", f"</h2>{_times(next(sections), kind)}", 1)
            yield _block("text", html)
        elif _PROGRESS.search(words):
            continue
        elif (found := _PREDICTION.search(words)) is not None:
            prediction = predict(found[1])
            yield _block("prediction", outputs=_outputs(cell), prediction=prediction)
        elif (found := course.CHECKED.search(words)) and found[1] in tasks:
            yield from _answer(tasks[found[1]], kind)
        elif (found := _EXERCISE.match(words)) and found[1] in tasks:
            yield _block("exercise", outputs=_outputs(cell))
        elif build.DEPENDS_ON_THE_MACHINE in cell.metadata.get("tags", ()):
            yield _block("machine", _code(words))
        else:
            yield _block("code", _code(words), _outputs(cell))


def _block(type_: str, html: str = "", outputs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    return {"type": type_, "html": html, "outputs": outputs, **more}


def _times(section: course.Section, kind: Kind) -> str:
    """How long a section takes, for the teacher who has it in hand."""
    if kind != Kind("teacher", "full"):
        return ""
    times = [section.minutes, *([section.exercise_minutes] if section.tasks else [])]
    words = " + ".join(text("handouts.minutes", minutes=each) for each in times)
    return f'<p class="minutes">{words}</p>'


def _answer(task: Task, kind: Kind) -> Iterator[dict[str, Any]]:
    """Room for the learner's answer, or what the teacher should know of it."""
    if kind.edition == "student":
        if kind.cut == "full":
            lines = task.solution.count("\n") + 1
            yield _block("room", lines=min(max(lines, ROOM.start), ROOM.stop - 1))
        return
    own = {
        key.removeprefix(f"{task.name}."): _message(task, key)
        for key in messages(f"chapter_{task.chapter}")
        if key.startswith(f"{task.name}.")
    }
    yield _block(
        "solution",
        _code(task.solution),
        task=task,
        right=own["right"],
        hints=[own[f"hint{number + 1}"] for number in range(HINTS)],
        wrong=[words for key, words in own.items() if key.startswith(("wrong.", "marks."))],
    )


def _message(task: Task, key: str) -> str:
    """A message of an exercise as HTML; what only a cluster can tell is left open."""
    words = messages(f"chapter_{task.chapter}")[key][language()]
    words = re.sub(r"(?<!\{)\{\w+[^{}]*\}(?!\})", "…", words)
    return str(_MARKDOWN.render(words.replace("{{", "{").replace("}}", "}")))


def _markdown(words: str, cut: str = "full") -> str:
    tokens = _MARKDOWN.parse(words)
    if cut == "brief":
        tokens = list(_brief(tokens))
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return _LINES.sub(r'<span class="lines">\g<0></span>', _LOCAL_LINK.sub(r"\1", html))


def _brief(tokens: Sequence[Any]) -> Iterator[Any]:
    """Of a text: headings, the question below each, lists, tables, pictures, and new terms."""
    start, after_heading = 0, False
    for at, token in enumerate(tokens):
        if token.level or token.nesting == 1:
            continue  # until the end of a block of the text's own
        block, start = tokens[start : at + 1], at + 1
        is_paragraph = block[0].type == "paragraph_open"
        has_term = any(
            child.type == "strong_open" for each in block for child in each.children or ()
        )
        if not is_paragraph or after_heading or has_term:
            yield from block
        after_heading = block[0].type == "heading_open"


def _code(words: str) -> str:
    return str(highlight(words, _LEXER, _STYLE))


def _outputs(cell: Any) -> list[str]:
    return [html for output in cell.outputs if (html := _output(output)).strip()]


def _output(output: Any) -> str:
    """What a cell shows, as HTML."""
    if output.output_type == "stream":
        return _preformatted(output.text)
    if output.output_type == "error":
        return _preformatted("\n".join(output.traceback))
    data = output.data
    if "text/html" in data:
        return f'<div class="shown">{data["text/html"]}</div>'
    if "image/png" in data:
        words = escape(data.get("text/plain", ""))
        return f'<img alt="{words}" src="data:image/png;base64,{data["image/png"]}">'
    return _preformatted(data.get("text/plain", ""))


def _preformatted(words: str) -> str:
    """Text as it stands; the style sheet makes it small enough for its longest line."""
    lines = _ESCAPE_CODES.sub("", words).rstrip().splitlines()
    if not lines:
        return ""
    columns = max(map(len, lines))
    if len(lines) == 1 or columns > WIDEST:
        columns = 1  # a sentence may be wrapped, and what would not fit anyway has to be
    size = "short" if len(lines) <= SHORT else "long"
    words = escape("\n".join(lines))
    return f'<pre class="{size}" style="--columns: {columns}">{words}</pre>'


def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "handout")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters["inline"] = lambda words: Markup(_MARKDOWN.renderInline(words))
    return environment.get_template(name)


def _plotly() -> str:
    """The library that draws plots, as the package brings it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
