"""etcd's members as a picture: what it lets people write is what the real members let them."""

import re

import pytest

from kubecourse.lessons import messages
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import Quorum
from kubecourse.lessons.widgets.quorum import HERE, STOPPED, THERE, said


def outcomes(widget: Quorum) -> list[tuple[str, bool]]:
    return [(each.side, not each.problem) for each in widget.outcomes]


def after_writing(widget: Quorum) -> list[tuple[str, bool]]:
    widget.write.click()
    return outcomes(widget)


@pytest.mark.parametrize("size", range(1, 8))
def test_as_many_may_fail_as_leave_a_majority(size: int) -> None:
    widget = Quorum(size)
    may_fail = size - (size // 2 + 1)
    for number in range(size):
        assert after_writing(widget) == [(HERE, number <= may_fail)]
        widget.fate[number].value = STOPPED
    assert after_writing(widget) == []


@pytest.mark.parametrize(("size", "here", "there"), [(3, True, False), (4, False, False),
                                                     (5, True, False)])  # fmt: skip
def test_a_cut_leaves_one_side_that_writes_or_none(size: int, here: bool, there: bool) -> None:
    widget = Quorum(size)
    for number in range(size // 2):
        widget.fate[number].value = THERE
    assert after_writing(widget) == [(HERE, here), (THERE, there)]
    widget.read.click()
    assert outcomes(widget) == [(HERE, here), (THERE, there)]


def test_the_old_leader_beyond_the_cut_steps_down_and_learns_what_it_missed() -> None:
    widget = Quorum(3)
    assert widget.group.members.leader == "etcd-1"
    widget.fate[0].value = THERE
    after_writing(widget)
    roles = {view.name: (view.role, view.note) for view in widget.group.views()}
    assert roles["etcd-1"] == ("searching", 0)
    assert sorted(roles.values())[-1][0] == "searching"
    acknowledged = widget.group.acknowledged
    widget.fate[0].value = HERE
    assert [view.note for view in widget.group.views()] == [acknowledged] * 3


def test_a_failure_is_told_in_etcds_own_words() -> None:
    widget = Quorum(2)
    widget.fate[1].value = STOPPED
    widget.write.click()
    (outcome,) = widget.outcomes
    assert "not acknowledged: etcdserver: " in said(outcome, cut=False)
    assert escaped(said(outcome, cut=False)) in widget.picture.value


def escaped(words: str) -> str:
    return words.replace("'", "&#x27;")


def test_the_finding_says_how_many_more_may_fail() -> None:
    widget = Quorum(5)
    assert widget.text.endswith("3 are a majority: 2 more may fail")
    for number, end in enumerate(["1 more may fail", "no other may fail", "can be written"]):
        widget.fate[number].value = STOPPED
        assert widget.text.endswith(end)
    widget.reset.click()
    assert widget.text.endswith("2 more may fail")
    assert {each.value for each in widget.fate} == {HERE}


def test_another_number_of_members_begins_anew() -> None:
    widget = Quorum(3)
    widget.fate[2].value = STOPPED
    widget.members.value = 6
    assert len(widget.group.views()) == 6
    assert all(view.role in ("leader", "follower") for view in widget.group.views())
    assert len(re.findall("<rect", widget.picture.value)) == 6


def test_the_table_says_that_even_numbers_do_not_help() -> None:
    cells = re.findall(r"<td[^>]*>(\d)</td>", Quorum(4).picture.value)
    assert cells[14:] == ["0", "0", "1", "1", "2", "2", "3"]


def test_it_speaks_korean() -> None:
    with messages.speaking("ko"):
        widget = Quorum(3)
        widget.write.click()
        assert "메모 1번을 썼다" in still(widget)
        assert "과반은 2개" in widget.text
