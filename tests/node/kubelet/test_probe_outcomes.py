"""What probes make of applications that fail, hang, are slow, or are well only now and then."""

from itertools import pairwise

import pytest

from tests.node.world import World


def probed(kind: str, probe: str, mood: str = "well", seconds: float = 40.0) -> World:
    world = World()
    world.apply(f"""
kind: Pod
metadata: {{name: a}}
spec: {{containers: [{{name: c, image: "hello:1", ports: [{{containerPort: 80, name: http}}],
  {kind}Probe: {{{probe}, periodSeconds: 5}}}}]}}
""")
    world.clock.advance(20)
    world.container("a").behave(mood)
    world.clock.advance(seconds)
    return world


GRPC = "grpc: {port: 80}"
HTTP = "httpGet: {path: /, port: http}"


@pytest.mark.parametrize(
    ("probe", "mood", "said"),
    [
        (GRPC, "failing", 'service unhealthy (responded with "NOT_SERVING")'),
        (GRPC, "hang", "timeout: health rpc did not complete within 1s"),
        ("grpc: {port: 81}", "well",
         'timeout: failed to connect service "{ip}:81" within 1s: context deadline exceeded'),
        (HTTP, "failing", "HTTP probe failed with statuscode: 500"),
        (HTTP, "slow", 'Get "http://{ip}:80/": context deadline exceeded (Client.Timeout exceeded '
         "while awaiting headers)"),
        ("httpGet: {port: 81, scheme: HTTPS}", "well",
         'Get "https://{ip}:81/": dial tcp {ip}:81: connect: connection refused'),
        ("exec: {command: [check]}", "slow", 'command timed out: "check" timed out after 1s'),
        ("tcpSocket: {port: 81}", "well", "dial tcp {ip}:81: connect: connection refused"),
    ],
)  # fmt: skip
def test_what_a_failure_says(probe: str, mood: str, said: str) -> None:
    world = probed("readiness", probe, mood)
    assert not world.ready("a")
    messages = [message for message, _ in world.events("Unhealthy")]
    ip = world.pod("a").status.podIP
    assert f"Readiness probe failed: {said.replace('{ip}', ip)}" in messages


@pytest.mark.parametrize("probe", [GRPC, HTTP, "tcpSocket: {port: http}"])
def test_well_again_it_is_ready_again(probe: str) -> None:
    world = probed("readiness", probe, "failing")
    assert world.ready("a") == ("tcp" in probe)  # that somebody listens is all that TCP tells
    world.container("a").behave("well")
    world.clock.advance(6)
    assert world.ready("a")


def test_longer_timeouts_forgive_the_slow() -> None:
    assert probed("readiness", f"{HTTP}, timeoutSeconds: 5", "slow").ready("a")


def test_a_hanging_container_is_restarted_by_liveness_alone() -> None:
    world = probed("liveness", HTTP, "hang", 60)
    assert world.pod("a").status.containerStatuses[0].restartCount == 1
    world = probed("readiness", HTTP, "hang", 60)
    assert world.pod("a").status.containerStatuses[0].restartCount == 0


def test_a_flapping_application_is_in_and_out_and_patience_decides() -> None:
    world = probed("readiness", f"{HTTP}, failureThreshold: 1", "flapping", 0)
    seen = []
    for _ in range(80):
        world.clock.advance(1)
        seen.append(world.ready("a"))
    changes = sum(a != b for a, b in pairwise(seen))
    assert changes >= 3
    patient = probed("readiness", f"{HTTP}, failureThreshold: 6", "flapping", 0)
    for _ in range(80):
        patient.clock.advance(1)
        assert patient.ready("a")


def test_a_probe_that_cannot_be_tried_says_nothing_of_the_container() -> None:
    world = probed("liveness", "httpGet: {port: web}", seconds=100)
    [(message, count)] = world.events("Unhealthy")
    assert message == (
        "Liveness probe errored and resulted in unknown state: "
        'strconv.Atoi: parsing "web": invalid syntax'
    )
    assert count > 10
    assert world.pod("a").status.containerStatuses[0].restartCount == 0
    assert world.ready("a")


def test_a_starved_server_fails_its_probes() -> None:
    world = World()
    world.apply("""
kind: Pod
metadata: {name: a, annotations: {kubecourse.dev/cpu-per-request: 300ms}}
spec: {containers: [{name: c, image: "hello:1", resources: {limits: {cpu: 100m}},
  readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 2}, ports:
  [{containerPort: 8080}]}]}
""")
    world.clock.advance(60)
    assert not world.ready("a")  # one answer takes three seconds
    assert any("Client.Timeout exceeded" in message for message, _ in world.events("Unhealthy"))
