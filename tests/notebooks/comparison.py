"""How nbval compares a notebook: text strictly, pictures not at all.

Figures and widgets are left out of the committed notebooks (they weigh megabytes), so they are
left out of what a fresh run is compared on as well; of a widget that brings its content as HTML
too, the HTML is compared. All else (streams, text, HTML, errors) must be the same, in the same
order.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

import nbval.plugin
import pytest
from nbval.plugin import IPyNbCell

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


def is_picture(output: dict[str, Any]) -> bool:
    return not PICTURES.isdisjoint(output.get("data", {}))


def without_pictures(outputs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if not is_picture(output):
            kept.append(output)
        elif WIDGET in data and "text/html" in data:
            text = {mime: content for mime, content in data.items() if mime not in PICTURES}
            bare = copy(output)
            bare["data"] = text
            kept.append(bare)
    return kept


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
