"""Where images come from and go to."""

from pathlib import Path

import pytest

from kubecourse.containers import (
    EngineError,
    anatomy,
    base,
    bases,
    build,
    catalog,
    clean,
    client,
    delete,
    explain_name,
    manifest,
    pull,
    push,
    remove_image,
    silent,
    start_registry,
    tag,
    tags,
)
from kubecourse.containers.ports import free_port
from kubecourse.containers.registry import Progress, Registry
from kubecourse.node.runtime.references import InvalidReference
from tests.oracles import oracle

NAMES = oracle("image_names")


@pytest.mark.parametrize("row", NAMES["normalise"], ids=lambda row: row["full"])
def test_names_are_completed(row: dict[str, str]) -> None:
    for name in filter(None, (row["familiar"], row["full"], row["ambiguous_input"])):
        found = explain_name(name)
        assert (found.registry, found.repository, found.tag) == (
            row["domain"],
            row["path"],
            "latest",
        )
        assert found.full == f"{row['full']}:latest"


@pytest.mark.parametrize("name", NAMES["valid"])
def test_names_that_may_be(name: str) -> None:
    assert explain_name(name).text == name


@pytest.mark.parametrize("name", NAMES["invalid"])
def test_names_that_may_not_be(name: str) -> None:
    with pytest.raises(InvalidReference):
        explain_name(name)


def test_a_digest_needs_no_tag() -> None:
    found = explain_name("nginx@sha256:" + "a" * 64)
    assert (found.tag, found.digest) == ("", "sha256:" + "a" * 64)


@pytest.fixture
def registry(images: None) -> Registry:
    return start_registry(free_port())


def small(folder: Path, name: str) -> str:
    """An image of its own upon a small base that others share."""
    (folder / "Dockerfile").write_text("FROM kubecourse-hello-c\nCOPY words.txt /\n")
    (folder / "words.txt").write_text(f"{folder}/{name}")
    return build(folder, name, show=silent).name


def test_a_layer_travels_once(registry: Registry, tmp_path: Path) -> None:
    one, two = small(tmp_path, "one"), small(tmp_path, "two")
    first = push(tag(one, f"{registry.address}/one:1"), show=silent)
    assert [layer.state for layer in first.layers] == ["Pushed", "Pushed"]
    assert first.sent > 600_000

    again = push(tag(one, f"{registry.address}/one:2"), show=silent)
    assert {layer.state for layer in again.layers} == {"Layer already exists"}
    assert (again.sent, again.digest) == (0, first.digest)

    events: list[Progress] = []
    other = push(tag(two, f"{registry.address}/two:1"), show=events.append)
    there = [layer.there_before for layer in other.layers]
    assert sorted(there) == [False, True], "the base was there, and came from the other image"
    assert other.sent < 10_000
    assert any(event.done for event in events)

    assert catalog() == ["one", "two"]
    assert tags("one") == ["1", "2"]


def test_a_digest_names_the_same_bytes_everywhere(registry: Registry, tmp_path: Path) -> None:
    name = tag(small(tmp_path, "words"), f"{registry.address}/words:1")
    sent = push(name, show=silent)
    found = manifest(name)
    assert found.digest == found.told == sent.digest
    image = anatomy("words")
    assert found.config == image.config_digest
    assert len(found.layers) == len(image.layers)

    remove_image(name)
    remove_image("words")
    with pytest.raises(EngineError, match="no such image"):
        anatomy("words")
    got = pull(f"{registry.address}/words@{sent.digest}", show=silent)
    assert got.digest == sent.digest
    assert [layer.state for layer in got.layers] == ["Already exists", "Pull complete"]
    assert anatomy(got.name).id == image.id


def test_a_tag_moves_and_a_digest_does_not(registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.address}/app:1"
    old = push(tag("hello-c", name), show=silent).digest
    new = push(tag(small(tmp_path, "newer"), name), show=silent).digest
    assert manifest("app:1").digest == new != old
    assert manifest(f"app@{old}").digest == old


def test_what_is_deleted_is_gone_for_every_tag(registry: Registry) -> None:
    for number in (1, 2):
        push(tag("hello-c", f"{registry.address}/app:{number}"), show=silent)
    manifest_of_both = manifest("app:1").digest
    assert delete("app:1") == manifest_of_both
    assert tags("app") == []
    with pytest.raises(EngineError, match="MANIFEST_UNKNOWN"):
        manifest("app:2")
    with pytest.raises(EngineError, match="NAME_UNKNOWN"):
        tags("nobody")
    with pytest.raises(EngineError, match="docker login"):
        pull(f"{registry.address}/app:1", show=silent)


def test_the_registry_that_runs_is_found_again(registry: Registry) -> None:
    push(tag("hello-c", f"{registry.address}/app:1"), show=silent)
    assert start_registry(free_port()) == registry
    assert catalog() == ["app"]


def test_without_a_registry(lab: None) -> None:
    with pytest.raises(EngineError, match=r"start_registry\(\)"):
        catalog()


def test_a_digest_cannot_be_given(images: None) -> None:
    with pytest.raises(EngineError, match="give a tag"):
        tag("hello", "x@sha256:" + "a" * 64)


def test_a_registry_that_cannot_be_reached_is_explained(lab: None) -> None:
    with pytest.raises(EngineError) as error:
        pull(f"localhost:{free_port()}/hello", show=silent)
    assert error.value.reason == "offline"
    assert not client().images.list("kubecourse-note"), "nothing came, so nothing to remember"


def test_docker_hub_answers_or_says_why_not(lab: None) -> None:
    try:
        assert pull("hello-world", show=silent).digest.startswith("sha256:")
    except EngineError as error:
        assert error.reason in ("offline", "rate_limit"), error


def test_a_public_base_is_preferred_and_a_stand_in_takes_its_place(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(bases.SOURCES)
    public = f"localhost:{registry.address.partition(':')[2]}/public"
    client().api.import_image_from_data(bytes(1024), repository=public, tag="1")  # has no label
    digest = push(f"{public}:1", show=silent).digest
    client().images.remove(f"{public}:1")
    rows = {
        "tiny": {
            "public": f"{public}@{digest}",
            "stand_in": {"packages": ["dash"], "leave_out": ["debianutils"]},
        },
        "gone": {
            "public": f"{public}:2",
            "stand_in": {"packages": ["dash"], "leave_out": ["debianutils"]},
        },
        "lost": {"public": f"{public}:2", "stand_in": {"packages": ["no-such-package"]}},
    }
    monkeypatch.setattr(bases, "table", lambda: rows)
    assert not base("tiny").stand_in
    assert base("tiny").origin == f"{public}@{digest}"
    assert base("gone").stand_in
    with pytest.raises(EngineError, match="no-such-package"):
        base("lost")
    assert client().images.list("kubecourse-note"), "clean() is to know what was pulled"
    assert f"{public}@{digest}" in clean().images
    assert not client().images.list(public)
