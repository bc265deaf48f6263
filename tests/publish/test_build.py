"""What the build makes of a source. `test_handouts.py` builds every chapter of the course."""

from pathlib import Path

import nbformat

from kubecourse.lessons.messages import LANGUAGES
from kubecourse.publish.build import finish, notebook_path, prepare
from kubecourse.publish.source import stamp

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = sorted((NOTEBOOKS / "source").glob("*.md"))

TWO_CELLS = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

+++ {"lang": "en"}

Words.

+++ {"lang": "ko", "of": ""}

말.

```{code-cell} ipython3
from kubecourse.lessons.messages import text
text("widgets.reset")
```

```{code-cell} ipython3
:tags: [nbval-ignore-output]

import os; os.getpid()
```
"""


WIDGETS = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

```{code-cell} ipython3
from kubecourse.lessons.exercises import predict
predict("crash")
```

```{code-cell} ipython3
from kubecourse.lessons.exercises import progress
progress(chapter=4)
```
"""


def build(source: Path, directory: Path, language: str) -> str:
    return finish(prepare(source, language), directory, language)


def test_no_notebook_is_without_a_source() -> None:
    made = {notebook_path(NOTEBOOKS, source, each) for source in SOURCES for each in LANGUAGES}
    found = {path for path in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert found == made


def test_code_speaks_the_language_and_keeps_nothing_of_the_machine(tmp_path: Path) -> None:
    source = tmp_path / "09_two.md"
    source.write_text(TWO_CELLS, encoding="utf-8")
    stamp(source)
    for language, words, word in (("en", "Words.", "reset"), ("ko", "말.", "처음으로")):
        cells = nbformat.reads(build(source, tmp_path, language), as_version=4).cells
        assert cells[0].source.startswith(words)
        assert cells[1].outputs[0].data["text/plain"] == repr(word)
        assert cells[2].outputs == []
        assert cells[2].execution_count == 2


def test_of_a_widget_its_text_stays_if_it_has_one(tmp_path: Path) -> None:
    source = tmp_path / "09_widgets.md"
    source.write_text(WIDGETS, encoding="utf-8")
    prediction, bar = nbformat.reads(build(source, tmp_path, "en"), as_version=4).cells
    assert prediction.outputs[0].data.keys() == {"text/html", "text/plain"}
    assert "How many pods" in prediction.outputs[0].data["text/plain"]
    assert bar.outputs == []
