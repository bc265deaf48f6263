"""What an instruction costs, and when the engine need not carry it out again."""

import os
from pathlib import Path

import pytest

from kubecourse.containers import EngineError, build, client, context, silent
from kubecourse.containers.building import Step
from kubecourse.containers.engines import LABEL

pytestmark = pytest.mark.usefixtures("lab")

RECIPE = """\
FROM kubecourse-python
ENV GREETING=Hi
COPY words.txt /words.txt
RUN cat /words.txt > /copy.txt
CMD ["cat", "/copy.txt"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(RECIPE)
    (tmp_path / "words.txt").write_text(f"{tmp_path}\n")  # never seen: not in any cache
    return tmp_path


def cached(folder: Path, **options: bool) -> list[bool]:
    return [step.cached for step in build(folder, "cache", show=silent, **options).steps[2:]]


def test_what_has_not_changed_comes_from_the_cache(folder: Path) -> None:
    assert cached(folder) == [False, False, False]
    assert cached(folder) == [True, True, True]
    assert cached(folder, cache=False) == [False, False, False]


def test_a_files_time_does_not_count_but_its_content_does(folder: Path) -> None:
    cached(folder)
    os.utime(folder / "words.txt", (0, 0))
    assert cached(folder) == [True, True, True]
    (folder / "words.txt").write_text("other words")
    assert cached(folder) == [False, False, False]


def test_the_first_change_spoils_what_comes_after_it_and_nothing_before(folder: Path) -> None:
    cached(folder)
    (folder / "Dockerfile").write_text(RECIPE.replace("/words.txt > ", "/words.txt >> "))
    assert cached(folder) == [True, False, False]
    (folder / "Dockerfile").write_text(RECIPE.replace("Hi", "Hello"))
    assert cached(folder) == [False, False, False]


def test_steps_are_shown_as_they_are_done(folder: Path) -> None:
    shown: list[Step] = []
    done = build(folder, "shown", show=lambda step: shown.append(step))
    assert shown == done.steps
    assert [step.instruction.split()[0] for step in shown] == ["FROM", "ENV", "COPY", "RUN", "CMD"]
    assert all(step.done and step.stage == "kubecourse-python" for step in shown)
    size = (folder / "words.txt").stat().st_size
    assert [step.bytes for step in shown] == [None, 0, size, size, 0]
    assert done.bytes == client().images.get("kubecourse-shown").attrs["Size"]


def test_what_is_ignored_is_not_sent(folder: Path) -> None:
    (folder / "secret.key").write_text("secret")
    assert set(context(folder)) == {"Dockerfile", "secret.key", "words.txt"}
    (folder / ".dockerignore").write_text("# keys stay here\n*.key\n")
    assert set(context(folder)) == {".dockerignore", "Dockerfile", "words.txt"}
    (folder / "Dockerfile").write_text("FROM kubecourse-python\nCOPY secret.key /\n")
    with pytest.raises(EngineError, match=r"COPY secret\.key"):
        build(folder, "secret", show=silent)


def test_a_failing_command_is_named_with_its_output_and_leaves_nothing(folder: Path) -> None:
    recipe = "FROM kubecourse-python AS build\nRUN echo made > /made\n\nFROM scratch\n"
    recipe += f"COPY --from=build /made /{folder.name}\nENV A=B\nCOPY missing.txt /\n"
    (folder / "Dockerfile").write_text(recipe)
    before = {image.id for image in client().images.list(all=True)}
    with pytest.raises(EngineError) as error:
        build(folder, "broken", show=silent)
    assert error.value.reason == "build_failed"
    assert error.value.values == {"step": "COPY missing.txt /"}
    made = {image for image in client().images.list(all=True) if image.id not in before}
    assert all(LABEL in image.labels for image in made)

    (folder / "Dockerfile").write_text("FROM kubecourse-python\nRUN echo dear me; exit 3\n")
    with pytest.raises(EngineError, match="dear me") as error:
        build(folder, "broken", show=silent)
    assert "3" in error.value.said
    assert not client().containers.list(all=True, filters={"label": LABEL})


def test_a_folder_without_a_dockerfile(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no .*Dockerfile to build from"):
        build(tmp_path, "nothing")


def test_the_compiler_stays_outside() -> None:
    single = build("data/apps/hello-c", "single", dockerfile="Dockerfile.single", show=silent)
    multi = build("data/apps/hello-c", "hello-c", show=silent)
    assert single.bytes > 100e6
    assert multi.bytes < 2e6
    assert [step.stage for step in multi.steps][-1] == "scratch"
    assert all(step.cached for step in multi.steps[1:4]), "the stages begin alike"


def test_everything_that_is_built_carries_the_label(folder: Path) -> None:
    for recipe in ("FROM kubecourse-python\nENV A=B\n", "FROM scratch\nCOPY words.txt /\n"):
        (folder / "Dockerfile").write_text(recipe)
        done = build(folder, "labelled", show=silent)
        assert LABEL in client().images.get(done.name).labels
        assert len(done.steps) == 2 + ("scratch" in recipe), "no instruction that is not needed"
