"""Limits that the kernel enforces."""

import pytest

from kubecourse.containers import explain_exit, run, run_limited, watch


@pytest.mark.usefixtures("images")
def test_who_wants_more_memory_than_the_limit_is_killed() -> None:
    ended = run_limited("hungry", "memory", memory="32m", seconds=20)
    assert (ended.exit_code, ended.oom_killed) == (137, True)
    assert "memory" in ended.meaning
    assert 0 < ended.peak <= 32 * 2**20
    assert {sample.memory_limit for sample in ended.samples} == {32 * 2**20}


@pytest.mark.usefixtures("images")
def test_who_wants_more_time_than_the_limit_is_slowed_down() -> None:
    ended = run_limited("hungry", "cpu", cpus=0.2, seconds=3)
    assert ended.exit_code is None, "it would have gone on"
    assert ended.throttled > 0
    assert ended.samples[-1].throttled_periods > 0
    assert 0.1 < ended.cpus[-1] < 0.3


@pytest.mark.usefixtures("images")
def test_a_running_container_can_be_watched() -> None:
    run("hello-c")
    (sample, *_) = watch("hello-c", seconds=0.5)
    assert sample.memory > 0


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["true"], 0, "all went well"),
        (["sh", "-c", "exit 3"], 3, "own code"),
        (["/no/such/command"], 127, "not found"),
        (["/etc/passwd"], 126, "cannot be executed"),
        (["sh", "-c", "kill -KILL $$; sleep 9"], None, "stopped"),
    ],
)
def test_an_exit_code_says_how_it_ended(command: list[str], code: int | None, says: str) -> None:
    ended = run_limited("python", command, seconds=1.5)
    assert ended.exit_code == code, "process 1 is not killed from inside: the last one runs on"
    assert says in ended.meaning


@pytest.mark.parametrize(
    ("code", "says"), [(139, "SIGSEGV"), (130, "SIGINT"), (143, "polite"), (137, "docker kill")]
)
def test_a_code_above_128_names_a_signal(code: int, says: str) -> None:
    assert says in explain_exit(code)
