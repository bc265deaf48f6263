"""How nbval compares a notebook: text strictly, pictures not at all.

Figures and widgets are left out of the committed notebooks (they weigh megabytes), so an output
that carries one is left out of what a fresh run is compared on as well. All else (streams,
text, HTML, errors) must be the same, in the same order.
"""

from collections.abc import Sequence
from typing import Any

import nbval.plugin
import pytest
from nbval.plugin import IPyNbCell

# The notebooks' kernels are not measured: what nbval records there has no branches, and would
# take those of all other tests away when the two are put together.
nbval.plugin.setup_coverage = nbval.plugin.teardown_coverage = lambda *_: None

PICTURES = {
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.plotly.v1+json",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
}


def is_picture(output: dict[str, Any]) -> bool:
    return not PICTURES.isdisjoint(output.get("data", {}))


@pytest.hookimpl
def pytest_itemcollected(item: pytest.Item) -> None:
    if not isinstance(item, IPyNbCell):
        return
    compare = item.compare_outputs

    def compare_text(
        test: Sequence[dict[str, Any]], ref: Sequence[dict[str, Any]], skip_compare: Any = None
    ) -> bool:
        without = [[out for out in side if not is_picture(out)] for side in (test, ref)]
        return compare(*without, skip_compare)

    item.compare_outputs = compare_text
