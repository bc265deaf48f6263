"""What outages cost is measured on copies, not known beforehand."""

import pytest

from kubecourse.lessons.exercises import Exercises
from kubecourse.lessons.exercises.chapter_3_outages import OUTAGES, failed


@pytest.fixture(scope="module")
def lab():
    return Exercises(chapter=3).noticed.cluster


@pytest.mark.parametrize("outage", OUTAGES)
def test_users_notice_the_loss_of_what_serves_them(lab, outage: str) -> None:
    before = lab.etcd.revision, lab.now
    count = failed(lab, outage)
    assert (count > 0) == (outage in "ce")
    assert (lab.etcd.revision, lab.now) == before


def test_what_nobody_takes_out_of_the_service_fails_all_the_time(lab) -> None:
    assert failed(lab, "e") > 5 * failed(lab, "c")
