"""Rows on one axis: places, words, patterns; nothing that only colour tells."""

import re

import pytest

from kubecourse.lessons.recording import PENDING, READY
from kubecourse.lessons.widgets.timeline import (
    LABELS,
    LOOKS,
    TRACK,
    Curve,
    Lane,
    Mark,
    Requests,
    Span,
    Track,
    by_second,
    timeline,
)
from kubecourse.node.traffic import Row


def rectangles(html: str) -> list[tuple[float, float, str]]:
    """Left edge, width and colour of each, but those that explain colours."""
    html = html.partition('<div class="note">')[0]
    found = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)".*?fill="(.*?)"', html)
    return [(float(x), float(width), colour) for x, width, colour in found]


def test_a_span_lies_where_it_was() -> None:
    html = timeline("t", 100, [Lane("pod", [Span(25, 75, READY, "well")])])
    assert rectangles(html) == [(LABELS + TRACK / 4, TRACK / 2, LOOKS[READY].colour)]
    assert ">well</text>" in html
    assert ">pod</text>" in html


def test_what_does_not_fit_is_said_behind_where_there_is_room() -> None:
    story = Span(1, 2, PENDING, "a long story")
    alone = timeline("t", 100, [Lane("pod", [story])])
    followed = timeline("t", 100, [Lane("pod", [story, Span(2, 9, READY)])])
    assert ">a long story</text>" in alone
    assert ">a long story</text>" not in followed
    assert all("<title>a long story</title>" in html for html in (alone, followed))


def test_what_goes_on_ends_with_the_picture() -> None:
    html = timeline("t", 10, [Lane("pod", [Span(5, float("inf"), READY)])])
    assert rectangles(html)[0][:2] == (LABELS + TRACK / 2, TRACK / 2)


def test_a_pattern_stays_within_its_box() -> None:
    html = timeline("t", 100, [Lane("pod", [Span(0, 50, look)]) for look in LOOKS], key=())
    paths = " ".join(re.findall(r' d="([^"]*)" fill="none" stroke="white"', html))
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+)", paths)]
    assert min(xs) >= LABELS
    assert max(xs) <= LABELS + TRACK / 2 + 0.1


def test_failed_requests_stand_on_those_that_were_answered() -> None:
    html = timeline("t", 2, [Requests("requests", [4, 2], [0, 2], height=48)])
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" fill', html)]
    assert heights[:4] == [48, 0, 24, 24]
    assert "1 s: 2 requests answered, 2 requests failed" in html


def test_looks_are_explained_once_and_only_those_that_occur() -> None:
    html = timeline("t", 9, [Lane("a", [Span(0, 1, READY), Span(2, 3, READY)])])
    assert html.partition('class="note"')[2].count("<rect") == 1


def test_a_limit_is_a_dashed_line_with_its_name() -> None:
    html = timeline("t", 10, [Curve("memory", [(0, 1), (10, 2)], 4, "Mi", [(3, "limit")])])
    assert 'stroke-dasharray="5 3"' in html
    assert ">limit</text>" in html
    assert ">4 Mi</text>" in html


def test_the_title_is_read_aloud() -> None:
    html = timeline("3 < 4", 10, [Lane("a", (), [Mark(1, "✗", "black", "no")])])
    assert 'aria-label="3 &lt; 4"' in html
    assert "<figcaption>3 &lt; 4</figcaption>" in html
    assert re.search("<title>no</title><rect.*>✗</text>", html)


def test_a_track_makes_spans_of_what_is_said_one_after_the_other() -> None:
    track = Track()
    for at, look in ((0, READY), (3, READY), (5, ""), (6, ""), (8, PENDING)):
        track.set(at, look)
    assert [(s.start, s.end, s.look) for s in track.spans] == [
        (0, 5, READY),
        (8, float("inf"), PENDING),
    ]
    assert track.goes_on


@pytest.mark.parametrize(("time", "counted"), [(10.0, 1), (12.9, 1), (13.0, 0), (9.9, 0)])
def test_requests_are_counted_in_the_second_in_which_they_were_sent(time, counted) -> None:
    served, failed = by_second([Row(time, False, 500, "", 0.1, "a")], 10.0, 3.0)
    assert (sum(served), sum(failed)) == (0, counted)
