"""What workloads say that they want, as a function of time."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.api.demand import Curve, Demand, DemandError, declared, parse, problems, seconds

MI = 2**20
TEXTS = (
    "300m",
    "ramp(0, 2, 90s)",
    "ramp(2, 500m, 45s)",
    "sine(200m, 800m, 1m)",
    "leak(1, 10m)",
    "burst(100m, 2, 60s, 5s)",
    "steps(100m, 60s, 800m, 30s, 100m)",
    "100m + burst(0, 1, 20s, 3s) + sine(0, 1, 7s)",
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("300m", {0: 0.3, 1e6: 0.3}),
        ("64Mi", {0: 64 * MI}),
        ("ramp(50Mi, 400Mi, 100s)", {0: 50 * MI, 50: 225 * MI, 100: 400 * MI, 999: 400 * MI}),
        ("sine(200m, 800m, 10m)", {0: 0.2, 150: 0.5, 300: 0.8, 600: 0.2, 900: 0.8}),
        ("leak(50Mi, 1Mi)", {0: 50 * MI, 3600: 3650 * MI}),
        ("burst(100m, 2, 60s, 5s)", {0: 0.1, 54.9: 0.1, 55: 2, 59.9: 2, 60: 0.1, 115: 2}),
        ("steps(100m, 60s, 800m, 30s, 200m)", {0: 0.1, 60: 0.8, 89: 0.8, 90: 0.2, 900: 0.2}),
        ("60Mi + leak(0, 1Ki)", {1024: 61 * MI}),
    ],
)
def test_the_forms(text: str, values: dict[float, float]) -> None:
    demand = parse(text)
    assert {t: pytest.approx(v) for t, v in values.items()} == {t: demand.at(t) for t in values}


def test_a_trace_is_a_file(tmp_path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("seconds,cores\n0,100m\n10,1.5\n20,0\n")
    demand = parse(f"trace({path})")
    assert [demand.at(t) for t in (0, 9.9, 10, 19, 20, 500)] == [0.1, 0.1, 1.5, 1.5, 0, 0]
    path.write_text("0,1\n10,x\n")
    with pytest.raises(DemandError, match="'x' is not an amount"):
        parse(f"trace({path})")


def test_a_trace_may_have_empty_lines_and_say_a_time_twice(tmp_path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("5, 100m\n\n10,200m\n10,300m\n")
    demand = parse(f"trace({path})")
    assert [demand.at(t) for t in (0, 5, 9, 10)] == [0, 0.1, 0.1, 0.3]


@pytest.mark.parametrize("line", ["10", "1,2,3,x", "4,100m", "-1,100m", "nan,1", "inf,1", '"7",1'])
def test_a_line_that_is_none_of_a_trace_is_named(tmp_path, line: str) -> None:
    path = tmp_path / "load.csv"
    path.write_text(f"5,100m\n{line}\n20,100m\n")
    with pytest.raises(DemandError, match=r"line 2: not SECONDS,VALUE|'2,3,x' is not an amount"):
        parse(f"trace({path})")


@given(st.lists(st.floats(0.1, 2), min_size=1), st.floats(0, 1), st.floats(0.1, 3))
def test_the_areas_of_steps_are_those_of_each_time(
    lengths: list[float], first: float, step: float
) -> None:
    starts = [0.0, *accumulate(lengths)]
    curve = Curve(starts, [float(n % 7) for n in range(len(starts))], [0.0] * len(starts))
    times = [first + n * step for n in range(len(starts))]
    assert curve.areas(times) == pytest.approx([curve.area(t) for t in times])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("many", "'many' is not an amount: write one such as 500m or 64Mi, or ramp"),
        ("-1", "less than nothing"),
        ("wave(1, 2)", "'wave' is not known: write ramp"),
        ("ramp(1, 2)", "has 2 values where ramp(50Mi, 400Mi, 120s) has 3"),
        ("ramp(1, 2, 3)", "'3' is not a duration: write one such as 250ms"),
        ("sine(1, 2, 0s)", "'0s' is no time at all"),
        ("burst(1, 2, 5s, 60s)", "does not fit into 5s"),
        ("steps(1, 5s)", "a value that stays"),
        ("trace(/nowhere.csv)", "/nowhere.csv: No such file"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, said: str) -> None:
    with pytest.raises(DemandError, match=said.replace("(", r"\(").replace(")", r"\)")):
        parse(text)


def test_durations() -> None:
    assert [seconds(t) for t in ("250ms", "1m30s", "2h", "1.5s")] == [0.25, 90, 7200, 1.5]


def added_up(demand: Demand, a: float, b: float) -> float:
    """The integral from `a` to `b`, piece by piece; each goes on for a microsecond at least."""
    total = 0.0
    while a < b:
        value, slope, end = demand.piece(a)
        length = min(max(end - a, 1e-6), b - a)
        total += length * (value + slope * length / 2)
        a += length
    return total


@given(st.sampled_from(TEXTS), st.floats(0, 500), st.floats(0.1, 200))
def test_area_most_and_pieces_agree_with_the_value(text: str, a: float, length: float) -> None:
    demand, b = parse(text), a + length
    times = [a + length * n / 400 for n in range(401)]
    assert demand.integral(a, b) == pytest.approx(added_up(demand, a, b), rel=1e-4, abs=1e-4)
    assert max(map(demand.at, times)) <= demand.most(a, b) + 1e-9
    assert demand.most(a, b) <= demand.peak + 1e-9
    areas = demand.areas(times)
    assert [x - areas[0] for x in areas] == pytest.approx(
        [demand.integral(a, t) for t in times], abs=1e-6
    )
    value, slope, end = demand.piece(a)
    assert value == pytest.approx(demand.at(a))
    if end > a + 1e-6:
        then = min((a + end) / 2, a + 1)
        assert demand.at(then) == pytest.approx(value + slope * (then - a), abs=1e-6)


def test_annotations_speak_of_the_first_container_or_of_a_named_one() -> None:
    annotations = {
        "kubecourse.dev/cpu": "100m",
        "kubecourse.dev/memory.side": "30Mi",
        "kubecourse.dev/cpu-per-request": "20ms",
        "kubecourse.dev/disk": "much",
        "example.com/cpu": "1",
    }
    found = declared(annotations)
    assert found[""]["cpu"].constant == 0.1
    assert found[""]["cpu-per-request"].constant == 0.02
    assert found["side"]["memory"].constant == 30 * MI
    [(key, said)] = problems(annotations)
    assert key == "kubecourse.dev/disk"
    assert "'much' is not an amount" in said
