"""An image is layers and JSON, and every digest can be found again."""

import hashlib
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecourse.containers import (
    anatomy,
    build,
    client,
    compare,
    diff,
    read_file,
    run,
    silent,
)
from kubecourse.containers.images import Anatomy, File, Layer


@pytest.fixture
def fat(lab: None) -> Iterator[Anatomy]:
    build("data/apps/fat", "fat", show=silent)
    yield anatomy("fat")


@pytest.mark.usefixtures("images")
def test_every_digest_is_found_again() -> None:
    hello = anatomy("hello")
    about = client().images.get("kubecourse-hello").attrs
    assert hello.intact
    assert [layer.digest for layer in hello.layers] == about["RootFS"]["Layers"]
    assert hello.id == about["Id"]
    if "Descriptor" not in about:  # stores that name images by their manifests have one
        assert hello.config_digest == hello.id
    assert hello.config["config"]["Env"] == about["Config"]["Env"]


@pytest.mark.usefixtures("images")
def test_only_instructions_that_touch_files_make_layers() -> None:
    layers = {entry.instruction.split()[0]: entry.layer for entry in anatomy("hello").history}
    assert layers["COPY"] is not None
    assert layers["ENV"] is layers["EXPOSE"] is layers["CMD"] is None
    assert layers["WORKDIR"] is not None, "it made /app"
    (layer,) = anatomy("hello-c").layers
    assert list(layer.files) == ["hello"]
    assert layer.files["hello"].mode == 0o755


def test_what_a_later_layer_deletes_is_still_there(fat: Anatomy) -> None:
    assert [(each.path, each.layer, each.hidden_by) for each in fat.wasted] == [
        ("tmp/download", 3, 5),
        ("src/token.txt", 2, 5),
    ]
    assert fat.layers[4].removed == ["src/token.txt", "tmp/download"]
    assert "src/token.txt" not in fat.files
    assert fat.find("/src/token.txt") == [2]
    assert read_file("fat", "/src/token.txt", 2) == "token=only-for-the-build\n"
    with pytest.raises(KeyError, match="layer 1"):
        read_file("fat", "/src/token.txt", 1)


@pytest.mark.usefixtures("images")
def test_images_share_what_they_are_built_upon() -> None:
    found = compare("hello", "hungry")
    assert found.shared == [layer.digest for layer in anatomy("python").layers]
    assert found.shared_bytes == anatomy("python").bytes
    assert all(found.own)
    assert compare("hello", "hello-c").shared == []


@pytest.mark.usefixtures("images")
def test_a_container_writes_into_a_layer_of_its_own() -> None:
    run("python", "writer", command=["sh", "-c", "echo a > /new; rm /etc/group; sleep 60"])
    for _ in range(50):
        found = {(change.kind, change.path) for change in diff("writer")}
        if ("D", "/etc/group") in found:
            break
    assert found == {("A", "/new"), ("C", "/etc"), ("D", "/etc/group")}


names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a"])


@given(
    st.lists(
        st.tuples(st.sets(names), st.sets(st.one_of(names, st.sampled_from(["d", "d/", "d/e/"])))),
        max_size=6,
    )
)
def test_what_is_seen_and_what_is_hidden_are_all_there_is(
    changes: list[tuple[set[str], set[str]]],
) -> None:
    layers = [
        Layer(number, "", "", "", len(files), {path: File(1, 0o644) for path in files}, [*gone])
        for number, (files, gone) in enumerate(changes, 1)
    ]
    image = Anatomy("", "", "", {}, {}, layers, [])
    seen: set[str] = set()
    for files, gone in changes:
        seen = {
            path
            for path in seen
            if not any(path == each or path.startswith(each.rstrip("/") + "/") for each in gone)
        }
        seen |= files
    assert image.files.keys() == seen
    assert len(seen) + len(image.wasted) == image.bytes


def test_a_digest_is_a_hash_of_bytes(fat: Anatomy) -> None:
    """The manifest of an archive names the config by its hash, the config the layers by theirs."""
    assert fat.config_digest.removeprefix("sha256:") in fat.manifest["Config"]
    assert fat.config["rootfs"]["diff_ids"] == [layer.digest for layer in fat.layers]
    other = json.dumps(fat.config | {"author": "somebody"}).encode()
    assert "sha256:" + hashlib.sha256(other).hexdigest() != fat.config_digest
