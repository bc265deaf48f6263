"""A request's way: a name, a Service, an endpoint, a container, an answer."""

import pytest

from kubecourse.node.network import parse_url
from tests.node.world import World

PORT = [{"containerPort": 8080}]


@pytest.fixture
def world() -> World:
    world = World(nodes=2)
    world.images.declare("hello", answers="Hello from {pod}")
    for name, node in (("a", "node-1"), ("b", "node-1"), ("c", "node-2")):
        world.run(name, node=node, ports=PORT, labels={"app": "web"})
    world.clock.settle()
    return world


def test_a_service_spreads_connections_evenly(world: World) -> None:
    world.serve("web", "a", "b", "c")
    counts = dict.fromkeys("abc", 0)
    for _ in range(3000):
        counts[world.network.request("http://web").pod] += 1
    # Standard deviation is 26 of 1,000: five of them is as good as impossible by chance.
    assert all(abs(count - 1000) < 130 for count in counts.values()), counts


def test_an_answer_says_who_gave_it(world: World) -> None:
    world.serve("web", "c")
    response = world.network.request("http://web/")
    assert (response.status, response.body, response.ok) == (200, "Hello from c", True)
    assert (response.pod, response.node) == ("c", "node-2")
    assert 0 < response.latency < 0.1


def test_only_ready_endpoints_are_used(world: World) -> None:
    world.serve("web", "a", "b")
    world.endpoints("web", {"a": (True, False), "b": (False, False)})
    assert {world.network.request("http://web").pod for _ in range(50)} == {"a"}


def test_without_ready_ones_those_that_still_serve_are(world: World) -> None:
    world.serve("web", "a", "b")
    world.endpoints("web", {"a": (False, True), "b": (False, False)})
    assert {world.network.request("http://web").pod for _ in range(50)} == {"a"}


def test_without_any_the_connection_is_refused(world: World) -> None:
    service = world.serve("web")
    ip = service.spec.clusterIP
    error = f'Get "http://web": dial tcp {ip}:80: connect: connection refused'
    assert world.network.request("http://web").error == error


def test_a_service_does_not_answer_on_other_ports(world: World) -> None:
    world.serve("web", "a")
    response = world.network.request("http://web:81", timeout=2)
    assert response.error.endswith(":81: i/o timeout")
    assert response.latency == 2


def test_node_ports_are_open_on_every_node(world: World) -> None:
    service = world.serve("web", "a", "c", spec="type: NodePort")
    port = service.spec.ports[0].nodePort
    for host in ("node-1", "node-2", "localhost", world.kubelets["node-2"].machine.address):
        seen = {world.network.request(f"http://{host}:{port}").pod for _ in range(60)}
        assert seen == {"a", "c"}
    assert "refused" in world.network.request(f"http://node-1:{port + 1}").error


def test_local_traffic_policy_stays_on_the_node(world: World) -> None:
    service = world.serve("web", "a", "c", spec="type: NodePort, externalTrafficPolicy: Local")
    port = service.spec.ports[0].nodePort
    seen = {world.network.request(f"http://node-2:{port}").pod for _ in range(40)}
    assert seen == {"c"}


def test_session_affinity_keeps_a_client_at_one_pod(world: World) -> None:
    world.serve("web", "a", "b", "c", spec="sessionAffinity: ClientIP")
    assert len({world.network.request("http://web").pod for _ in range(50)}) == 1


def test_pods_have_addresses_of_their_own(world: World) -> None:
    ip = world.pod("a").status.podIP
    assert ip.startswith("10.244.1.")
    assert world.network.request(f"http://{ip}:8080").pod == "a"
    assert "connection refused" in world.network.request(f"http://{ip}:9999").error


def test_nobody_answers_at_an_address_that_no_pod_has(world: World) -> None:
    assert "no route to host" in world.network.request("http://10.244.1.250:80").error


def test_a_name_that_is_none(world: World) -> None:
    error = 'Get "http://wbe": dial tcp: lookup wbe on 10.96.0.10:53: no such host'
    assert world.network.request("http://wbe").error == error


def test_a_node_that_is_cut_off_does_not_answer(world: World) -> None:
    world.serve("web", "c")
    world.kubelets["node-2"].runtime.powered = False
    assert "i/o timeout" in world.network.request("http://web", timeout=1).error


def test_containers_can_be_told_to_misbehave(world: World) -> None:
    world.serve("web", "a")
    container = world.container("a")
    container.behave("failing")
    assert world.network.request("http://web").status == 500
    container.behave("slow")
    assert world.network.request("http://web").latency > 2
    container.behave("hang")
    assert "Client.Timeout exceeded" in world.network.request("http://web").error
    container.behave("well")
    assert world.network.request("http://web").ok
    container.behave("dead")
    assert "refused" in world.network.request("http://web").error
    with pytest.raises(ValueError, match="only well, slow"):
        container.behave("odd")


def test_changes_take_effect_together_once_a_second(world: World) -> None:
    world.serve("web", "a")
    world.clock.advance(5)
    seen = []
    for pods in ({"b": (True, False)}, {"c": (True, False)}):
        slice = world.client.list(type(_slice(world)))[0]
        world.endpoints("web", pods)
        assert slice is not None
        seen.append((round(world.clock.now % 1000, 1), world.network.request("http://web").pod))
    (first, _), (second, _) = seen
    assert [pod for _, pod in seen] == ["b", "c"]
    assert second - first >= 0.9


def _slice(world: World) -> object:
    from kubecourse.api import models

    return world.client.list(models.discovery_v1.EndpointSlice)[0]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("curl -s http://web", (0, "Hello from a", "")),
        ("curl -so /tmp/p -w '%{http_code}\\n' web; cat /tmp/p", (0, "200\nHello from a", "")),
        ("wget -qO- web && wget -q web && cat /index.html", (0, "Hello from aHello from a", "")),
        ("curl wbe", (6, "", "curl: (6) Could not resolve host: wbe\n")),
        ("wget -qO- wbe", (1, "", "wget: bad address 'wbe'\n")),
        ("curl -m 2 web:81", (28, "", "curl: (28) Connection timed out\n")),
        ("nc -zv web 80", (0, "web (web:80) open\n", "")),
        ("nc -z localhost 99", (1, "", "nc: localhost:99: Connection refused\n")),
        ("wget -O- localhost:99", (1, "", "Connecting to localhost:99 (localhost:99)\nwget: can't "
                                   "connect to remote host (localhost): Connection refused\n")),
        ("nslookup web | tail -3 | head -1", (0, "Name:\tweb.default.svc.cluster.local\n", "")),
    ],
)  # fmt: skip
def test_what_programs_in_a_pod_say(world: World, script: str, said: tuple[int, str, str]) -> None:
    world.serve("web", "a")
    world.run("box", image="busybox", command=["sleep", "infinity"])
    world.clock.settle()
    result = world.exec("box", "sh", "-c", script)
    assert (result.code, result.stdout, result.stderr) == said


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://web", "web", 80, "/"),
        ("web:8080/a/b?c", "web", 8080, "/a/b?c"),
        ("https://web.default", "web.default", 443, "/"),
    ],
)
def test_urls(url: str, host: str, port: int, path: str) -> None:
    assert parse_url(url)[1:] == (host, port, path)


@pytest.mark.parametrize("url", ["ftp://web", "http://", "http://web:x"])
def test_texts_that_are_no_urls(url: str) -> None:
    with pytest.raises(ValueError):
        parse_url(url)
