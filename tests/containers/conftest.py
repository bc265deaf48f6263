"""The real engine, with stand-ins for base images: nothing here needs a network."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kubecourse.containers import base, bases, build, clean, client, silent
from kubecourse.containers.cleaning import remove_containers

REPOSITORY = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "lab" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.requires_docker)


def commands() -> Iterator[str]:
    """The command lines of all processes: the engine keeps one for each port that it publishes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def left_behind() -> dict[str, Any]:
    """All that an engine and a machine hold that a lab could leave there."""
    engine = client()
    return {
        "containers": sorted(
            each.id for each in engine.containers.list(all=True, ignore_removed=True)
        ),
        "images": sorted((each.id, *each.tags) for each in engine.images.list(all=True)),
        "networks": sorted(each.id for each in engine.networks.list()),
        "volumes": sorted(each.id for each in engine.volumes.list()),
        "ports": sorted(filter(lambda command: "docker-proxy" in command, commands())),
    }


@pytest.fixture(scope="package")
def spare_bases() -> Iterator[list[str]]:
    """Stand-ins, built once: names that are not ours keep them when a test cleans up.

    Another worker gets the engine after the last test of this folder, and no sooner.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(bases.SOURCES, "stand-in")
        clean()
        before = left_behind()
        for name in (names := ["python", "gcc", "registry"]):
            client().images.get(base(name).image).tag("spare", name)
        yield names
        for name in names:
            client().images.remove(f"spare:{name}")
        clean()
        assert left_behind() == before


@pytest.fixture
def lab(spare_bases: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An engine with bases and without containers of ours; images stay for the next test."""
    monkeypatch.chdir(REPOSITORY / "notebooks")
    for name in spare_bases:
        client().images.get(f"spare:{name}").tag(f"kubecourse-{name}")
    yield
    remove_containers()


@pytest.fixture
def images(lab: None) -> None:
    """The images of the chapter."""
    for folder in ("hello", "hello-c", "hungry"):
        if not client().images.list(f"kubecourse-{folder}"):
            build(f"data/apps/{folder}", folder, show=silent)
