"""The real engine, with stand-ins for base images: nothing here needs a network."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecourse.containers import base, bases, build, clean, client, silent
from kubecourse.containers.engines import LABEL

REPOSITORY = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "lab" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.requires_docker)


def left_behind() -> dict[str, Any]:
    """All that an engine and a machine hold that a lab could leave there."""
    engine = client()
    listening = subprocess.run(["ss", "-Htln"], capture_output=True, text=True).stdout
    return {
        "containers": sorted(each.id for each in engine.containers.list(all=True)),
        "images": sorted((each.id, *each.tags) for each in engine.images.list(all=True)),
        "networks": sorted(each.id for each in engine.networks.list()),
        "volumes": sorted(each.id for each in engine.volumes.list()),
        "ports": sorted({line.split()[3] for line in listening.splitlines()}),
    }


@pytest.fixture(scope="session")
def spare_bases() -> Iterator[list[str]]:
    """Stand-ins, built once: names that are not ours keep them when a test cleans up."""
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
    for container in client().containers.list(all=True, filters={"label": LABEL}):
        container.remove(force=True, v=True)


@pytest.fixture
def images(lab: None) -> None:
    """The images of the chapter, from the cache where they have been built before."""
    for folder in ("hello", "hello-c", "hungry"):
        build(f"data/apps/{folder}", folder, show=silent)
