"""How nbval compares a notebook: text strictly, pictures not at all.

Figures and widgets are left out of the committed notebooks (they weigh megabytes), so they are
left out of what a fresh run is compared on as well; of a widget that brings its content as HTML
too, the HTML is compared. A line that says that an answer is recorded is left out too: without a
container engine the same must come out. All else (streams, text, HTML, errors) must be the same, in
the same order. Only English notebooks are run here, and all by `make test-long`: each edition is
compared to the byte when it is built again, see `tests/publish/test_handouts.py`.
"""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import nbval.plugin
import pytest
from nbval.plugin import IPyNbCell

from kubecourse.lessons.messages import LANGUAGES, messages
from tests.sharing import LONG

# The notebooks' kernels are not measured: what nbval records there has no branches, and would
# take those of all other tests away when the two are put together.
nbval.plugin.setup_coverage = nbval.plugin.teardown_coverage = lambda *_: None

WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = {
    WIDGET,
    "application/vnd.plotly.v1+json",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
}


RECORDED = tuple(said.format(made="") for said in messages("containers")["recorded"].values())
"""How a line begins that says that an answer is recorded, in every language."""


def is_picture(output: dict[str, Any]) -> bool:
    return not PICTURES.isdisjoint(output.get("data", {}))


def without_pictures(outputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if output["output_type"] == "stream":
            bare = copy(output)
            lines = output["text"].splitlines(keepends=True)
            bare["text"] = "".join(line for line in lines if not line.startswith(RECORDED))
            if bare["text"]:
                kept.append(bare)
        elif not is_picture(output):
            kept.append(output)
        elif WIDGET in data and "text/html" in data:
            text = {mime: content for mime, content in data.items() if mime not in PICTURES}
            bare = copy(output)
            bare["data"] = text
            kept.append(bare)
    return kept


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    translated = collection_path.suffix == ".ipynb" and collection_path.parent.name in LANGUAGES
    return True if translated and not LONG else None


@pytest.hookimpl
def pytest_itemcollected(item: pytest.Item) -> None:
    if not isinstance(item, IPyNbCell):
        return
    compare = item.compare_outputs

    def compare_text(
        test: Sequence[dict[str, Any]], ref: Sequence[dict[str, Any]], skip_compare: Any = None
    ) -> bool:
        return compare(without_pictures(test), without_pictures(ref), skip_compare)

    item.compare_outputs = compare_text
