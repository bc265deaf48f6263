"""How deep the caller is nested costs a loop nothing."""

import resource

from kubecourse.stack import large_frame


def nest(depth: int, action):
    return nest(depth - 1, action) if depth else action()


def work() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(2000):
        nest(12, int)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@large_frame
def work_with_room() -> int:
    return work()


def test_a_loop_costs_the_same_at_every_depth() -> None:
    faults = [nest(depth, work_with_room) for depth in range(0, 300, 5)]
    assert max(faults) < 500
