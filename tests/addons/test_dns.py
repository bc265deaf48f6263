"""Names in the cluster."""

import pytest

from tests.node.world import World


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    for name in "ab":
        world.run(name, ports=[{"containerPort": 8080}], pod={"hostname": f"host-{name}"})
    world.clock.settle()
    world.serve("web", "a", "b")
    world.serve("headless", "a", "b", spec="clusterIP: None")
    world.apply(
        "kind: Service\nmetadata: {name: outside}\n"
        "spec: {type: ExternalName, externalName: example.com}\n---\n"
        "kind: Service\nmetadata: {name: inside}\n"
        "spec: {type: ExternalName, externalName: web.default.svc.cluster.local}"
    )
    world.clock.settle()
    return world


def ip(world: World) -> str:
    from kubecourse.api import models

    return world.client.get(models.core_v1.Service, "web", "default").spec.clusterIP


@pytest.mark.parametrize(
    "name", ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local", "WEB"]
)
def test_a_service_has_a_short_and_long_names(world: World, name: str) -> None:
    answer = world.dns.resolve(name, "default")
    assert answer is not None
    assert answer.addresses == (ip(world),)
    assert answer.name == "web.default.svc.cluster.local"


def test_the_shortest_name_works_in_its_own_namespace_only(world: World) -> None:
    assert world.dns.resolve("web", "other") is None
    assert world.dns.resolve("web.default", "other") is not None


def test_a_final_dot_means_that_the_name_is_complete(world: World) -> None:
    assert world.dns.resolve("web.") is None
    assert world.dns.resolve("web.default.svc.cluster.local.") is not None


def test_a_headless_service_is_its_pods(world: World) -> None:
    answer = world.dns.resolve("headless")
    assert answer is not None
    assert sorted(answer.addresses) == sorted(world.pod(n).status.podIP for n in "ab")


def test_an_external_name_is_an_alias(world: World) -> None:
    answer = world.dns.resolve("outside")
    assert answer is not None and answer.alias == "example.com" and not answer.addresses
    answer = world.dns.resolve("inside")
    assert answer is not None and answer.addresses == (ip(world),)


def test_pods_have_names_made_of_their_addresses(world: World) -> None:
    address = world.pod("a").status.podIP
    dashed = address.replace(".", "-")
    for name in (f"{dashed}.default.pod.cluster.local", f"{dashed}.headless"):
        answer = world.dns.resolve(name)
        assert answer is not None and answer.addresses == (address,)


def test_no_such_name(world: World) -> None:
    for name in ("nobody", "web.nowhere", "example.com", "cluster.local"):
        assert world.dns.resolve(name) is None


def test_stopped_it_answers_nothing(world: World) -> None:
    world.dns.stop()
    assert world.dns.resolve("web") is None
    world.dns.start()
    world.clock.settle()
    assert world.dns.resolve("web") is not None
