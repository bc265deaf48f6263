"""Chapter 2's pictures: from an opened image, from `inspect`, from a registry. No engine needed."""

import pytest

from kubecourse.containers.images import Anatomy, File, Layer
from kubecourse.containers.ports import Bridge, Container, Port, PortMap
from kubecourse.containers.registry import Manifest
from kubecourse.lessons import palette
from kubecourse.lessons.widgets import LayerExplorer, SizeRace, portmap, shelf
from kubecourse.lessons.widgets import layers as layer_picture


def layer(number: int, instruction: str, files: dict[str, int], removed: list[str]) -> Layer:
    sizes = {path: File(size, 0o644) for path, size in files.items()}
    digest = f"sha256:{number:064x}"
    return Layer(number, instruction, digest, digest, sum(files.values()), sizes, removed)


def image(name: str = "kubecourse-shop") -> Anatomy:
    layers = [
        layer(1, "FROM", {"bin/sh": 9_000_000}, []),
        layer(2, "COPY . /app", {"app/token.txt": 20, "app/shop.py": 980}, []),
        layer(3, "RUN rm token.txt", {}, ["app/token.txt"]),
    ]
    return Anatomy(name, "sha256:1", "sha256:1", {}, {}, layers, [])


def test_the_layer_explorer_says_what_the_chosen_layer_adds() -> None:
    explorer = LayerExplorer(image())
    assert explorer.text.endswith("layer 3 of 3 hides what is below, and makes nothing smaller")
    explorer.layer.value = 2
    assert explorer.text == "kubecourse-shop, 9MB: layer 2 of 3 adds 1kB"
    assert "app/shop.py" in explorer.picture.value
    assert "hidden by a later layer" in explorer.picture.value
    explorer.reset()
    assert explorer.layer.value == 3


def test_the_layer_explorer_finds_a_file_that_no_container_sees() -> None:
    explorer = LayerExplorer(image())
    explorer.path.value = "token"
    assert explorer.text == "kubecourse-shop: token is stored in layer 2"
    explorer.path.value = "password"
    assert explorer.text == "kubecourse-shop: password is in no layer"


def test_bytes_that_hash_to_something_else_are_shown() -> None:
    spoilt = image()
    spoilt.layers[1].digest = "sha256:" + "f" * 64
    shown = layer_picture.picture(spoilt, 2)
    assert "≠" in shown and palette.REFUSED in shown
    assert "≠" not in layer_picture.picture(spoilt, 1)


def test_the_race_counts_every_machine() -> None:
    small = image("kubecourse-small")
    small.layers = small.layers[1:2]
    race = SizeRace(image(), small)
    assert race.text == "With its compiler 7.2 s, without 0.0008 s"
    race.machines.value = 100
    race.speed.value = 10
    assert race.text.startswith("With its compiler 12 min")
    assert race.picture.layout.title.text == race.text
    assert sum(sum(bar.x) for bar in race.picture.data if bar.y[0] == "shop") == pytest.approx(
        image().bytes * 8 / 10e6 * 100
    )


def container(name: str, *ports: Port) -> Container:
    return Container(
        f"kubecourse-{name}", "1", "kubecourse-hello", "running", 0, "bridge", "172.17.0.2",
        "172.17.0.1", ["8080/tcp"], list(ports),
    )  # fmt: skip


FOUND = PortMap(
    [Bridge("bridge", "172.17.0.0/16", "172.17.0.1")],
    [container("open", Port("8080/tcp", "127.0.0.1", 18080)), container("shut")],
)


def test_the_port_map_draws_what_was_inspected() -> None:
    shown = portmap.picture(FOUND, "kubecourse-open")
    assert portmap.text(FOUND) == "Containers running: 2; reachable from this machine: 1"
    assert "127.0.0.1:18080" in shown and "172.17.0.0/16" in shown
    assert shown.count("not published") == 1
    assert f'aria-label="{portmap.text(FOUND)}"' in shown
    assert "docker run -d -p 127.0.0.1:18080:8080 --name kubecourse-open" in shown
    assert "curl http://127.0.0.1:18080/" in shown


def test_a_port_map_of_nothing_is_a_picture_too() -> None:
    assert "Containers running: 0" in portmap.picture(PortMap([], []))


def manifest(name: str, *digests: str) -> Manifest:
    packed = [(f"sha256:{digest}", 1_000_000) for digest in digests]
    return Manifest(name, "sha256:m", "sha256:m", "", "sha256:c", packed, {})


SHELF = {
    "team/hello:1.0": manifest("team/hello:1.0", "base", "one"),
    "team/hello:2.0": manifest("team/hello:2.0", "base", "two"),
}


def test_the_registry_browser_knows_who_shares_a_layer() -> None:
    assert shelf.also_in(SHELF, "team/hello:2.0") == {
        "sha256:base": ["team/hello:1.0"],
        "sha256:two": [],
    }
    assert shelf.text(SHELF, "team/hello:2.0") == (
        "team/hello:2.0, 2MB packed: 1 of its 2 layers are stored for others as well"
    )
    shown = shelf.picture(SHELF, "team/hello:2.0", "127.0.0.1:5005")
    assert "nobody else" in shown and "team/hello:1.0" in shown
    assert "computed again here" in shown


def test_an_empty_registry_says_so() -> None:
    assert "The registry is empty" in shelf.picture({}, "", "127.0.0.1:5005")


def test_pictures_speak_korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECOURSE_LANGUAGE", "ko")
    assert LayerExplorer(image()).layer.description == "레이어"
    assert portmap.text(FOUND) == "실행 중인 컨테이너 2개, 이 컴퓨터에서 닿는 것 1개"
