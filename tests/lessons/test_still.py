"""Static pictures of widgets: what they show is on the page, in words and signs."""

import json
import re
from html import unescape

import ipywidgets
import plotly.graph_objects as go
import pytest

from kubecourse import Cluster
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import Replicas, RolloutPlayer


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (ipywidgets.IntSlider(description="pods", value=3, max=12), ["pods", "--at: 0.25", "3"]),
        (ipywidgets.IntProgress(description="done", value=1, max=2), ["done", "--at: 0.50"]),
        (
            ipywidgets.Dropdown(description="image", options=[("new", 1), ("old", 2)], value=2),
            ["image", "○ new", "● old"],
        ),
        (ipywidgets.RadioButtons(options=["a<b", "c"], value=None), ["○ a&lt;b", "○ c"]),
        (ipywidgets.SelectMultiple(options=["a", "b"], value=["a", "b"]), ["● a", "● b"]),
        (ipywidgets.Checkbox(description="on", value=True), ["on", "☑"]),
        (ipywidgets.Checkbox(value=False), ["☐"]),
        (ipywidgets.IntRangeSlider(value=(2, 5)), ["(2, 5)"]),
        (ipywidgets.HTML("<b>bold</b>"), ["<b>bold</b>"]),
        (ipywidgets.Label("1 < 2"), ["1 &lt; 2"]),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, ipywidgets.Widget) else "",
)
def test_what_it_shows_is_on_the_page(widget: ipywidgets.Widget, words: list[str]) -> None:
    for each in words:
        assert each in still(widget)


def test_buttons_are_not_on_paper() -> None:
    assert still(ipywidgets.HBox([ipywidgets.Button(description="reset")])) == (
        '<div class="row"></div>'
    )


def test_a_plot_is_its_data_with_its_title_as_words() -> None:
    figure = go.FigureWidget(go.Scatter(y=[1, 2]), layout={"title_text": 'Two<br>"words"'})
    page = still(ipywidgets.VBox([figure]))
    assert 'aria-label="Two; &quot;words&quot;"' in page
    (found,) = re.findall(r'data-plot="([^"]*)"', page)
    assert json.loads(unescape(found))["data"][0]["y"] == [1, 2]


def test_a_widget_of_another_kind_draws_itself() -> None:
    class Drawing(ipywidgets.DOMWidget):
        def still(self) -> str:
            return "<svg/>"

    assert still(Drawing()) == "<svg/>"
    with pytest.raises(TypeError, match="no static picture of a Output"):
        still(ipywidgets.Output())


def test_the_widgets_of_the_course_have_one() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply("data/manifests/hello")
    cluster.settle()
    replicas = Replicas(cluster, "hello")
    replicas.slider.value = 5
    assert "kubectl scale deployment/hello --replicas=5" in unescape(still(replicas))
    assert "5 wanted" in still(replicas)
    assert "maxUnavailable" in still(RolloutPlayer())
