"""What a kubelet does with pods, where the recordings do not reach."""

import pytest
import yaml
from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.errors import ApiError
from kubecourse.client import Informer
from tests.node.world import World

core = models.core_v1
BOX = {"image": "busybox"}


def test_an_image_is_pulled_once_and_the_events_say_so() -> None:
    world = World()
    world.images.declare("hello:1", size="30MB")
    world.run("a")
    world.clock.settle()
    world.run("b")
    world.clock.settle()
    (pulled, _), (present, _) = world.events("Pulled")
    assert pulled.startswith('Successfully pulled image "hello:1" in ')
    assert pulled.endswith("Image size: 30000000 bytes.")
    assert present == (
        'Container image "hello:1" already present on machine and can be accessed by the pod'
    )
    (message, count) = world.events("Pulling")[0]
    assert (message, count) == ('Pulling image "hello:1"', 1)


def test_large_images_take_longer() -> None:
    times = []
    for size in ("1MB", "1000MB"):
        world = World()
        world.images.declare("hello:1", size=size)
        began = world.clock.now
        world.run("a")
        world.clock.settle()
        times.append(world.clock.now - began)
    assert times[0] < 2 < 15 < times[1]


def test_pulls_wait_for_one_another() -> None:
    world = World()
    for name in "abc":
        world.images.declare(f"image-{name}", size="200MB")
        world.run(name, image=f"image-{name}")
    world.clock.settle()
    messages = [message for message, _ in world.events("Pulled")]
    alone = [float(m.partition(" in ")[2].partition("s (")[0]) for m in messages]
    in_all = [float(m.partition("(")[2].partition("s including")[0]) for m in messages]
    assert max(in_all) > 0.9 * sum(alone)


def test_an_image_that_nobody_has() -> None:
    world = World()
    world.images.declare("nope", pullable=False)
    world.run("a", image="nope:1")
    world.clock.advance(3)
    assert world.state("a") == ("waiting", "ErrImagePull")
    world.clock.advance(20)
    states = set()
    for _ in range(120):
        world.clock.advance(1)
        states.add(world.state("a")[1])
    assert states == {"ErrImagePull", "ImagePullBackOff"}
    reasons = {e.reason for e in world.client.list(core.Event, "default")}
    assert {"Pulling", "Failed", "BackOff"} <= reasons
    failed = [message for message, _ in world.events("Failed")]
    assert "Error: ErrImagePull" in failed and "Error: ImagePullBackOff" in failed
    began = world.clock.now
    world.clock.settle()
    assert world.clock.now - began < 1, "nobody waits for retries"


def test_an_image_name_that_is_none() -> None:
    world = World()
    world.run("a", image="Nope:1")
    world.clock.advance(5)
    assert world.state("a") == ("waiting", "InvalidImageName")
    (message, _) = world.events("InspectFailed")[0]
    assert message.endswith(
        "invalid reference format: repository name (library/Nope) must be lowercase"
    )


def test_variables_come_from_config_maps_and_secrets() -> None:
    world = World()
    world.apply(
        "kind: ConfigMap\nmetadata: {name: conf}\ndata: {colour: green, size: large}\n---\n"
        "kind: Secret\nmetadata: {name: key}\nstringData: {token: abc}\n"
    )
    world.run(
        "a",
        **BOX,
        command=["sleep", "1000"],
        env=[
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "HELLO", "value": "$(NAME)-$(colour)"},
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}},
        ],
        envFrom=[{"configMapRef": {"name": "conf"}}],
    )
    world.clock.settle()
    variables = dict(line.split("=", 1) for line in world.exec("a", "env").stdout.splitlines())
    wanted = {"NAME": "a", "HELLO": "a-green", "T": "abc", "size": "large", "HOSTNAME": "a"}
    assert wanted.items() <= variables.items()


def test_a_missing_config_map_keeps_a_container_from_starting_until_it_is_there() -> None:
    world = World()
    world.run("a", envFrom=[{"configMapRef": {"name": "conf"}}])
    world.clock.advance(10)
    assert world.state("a") == ("waiting", "CreateContainerConfigError")
    assert ('Error: configmap "conf" not found') in [m for m, _ in world.events("Failed")]
    world.apply("kind: ConfigMap\nmetadata: {name: conf}\ndata: {x: y}")
    world.clock.advance(16)
    assert world.state("a") == ("running", None)


def test_config_maps_are_files_too() -> None:
    world = World()
    world.apply("kind: ConfigMap\nmetadata: {name: conf}\ndata: {index.html: hello}")
    world.run(
        "a",
        **BOX,
        command=["sleep", "1000"],
        volumeMounts=[{"name": "v", "mountPath": "/etc/conf"}],
        pod={"volumes": [{"name": "v", "configMap": {"name": "conf"}}]},
    )
    world.clock.settle()
    assert world.exec("a", "cat", "/etc/conf/index.html").stdout == "hello"
    assert world.exec("a", "ls", "/etc/conf").stdout == "index.html\n"
    assert "Read-only" in world.exec("a", "touch", "/etc/conf/x").stderr


def test_containers_of_a_pod_share_volumes_and_an_address() -> None:
    world = World()
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    writer = {"name": "w", **BOX, "command": ["sh", "-c", "echo hi > /data/f; sleep 1000"], **mount}
    server = {"name": "s", "image": "hello:1", "ports": [{"containerPort": 8080}], **mount}
    world.run("a", pod={"containers": [server, writer], "volumes": [{"name": "v", "emptyDir": {}}]})
    world.clock.settle()
    uid = world.pod("a").metadata.uid
    runtime = world.kubelets["node-1"].runtime
    assert runtime.exec(runtime.container(uid, "s"), ["cat", "/data/f"]).stdout == "hi\n"
    fetched = runtime.exec(runtime.container(uid, "w"), ["wget", "-qO-", "http://localhost:8080"])
    assert fetched.code == 0


def test_readiness_follows_a_file() -> None:
    world = World()
    world.run(
        "a",
        **BOX,
        command=["sh", "-c", "touch /tmp/ready; sleep 100000"],
        readinessProbe={"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 5},
    )
    world.clock.settle()
    assert world.ready("a")
    world.exec("a", "rm", "/tmp/ready")
    world.clock.advance(4)
    assert world.ready("a"), "it takes three failures"
    world.clock.advance(12)
    assert not world.ready("a")
    world.exec("a", "touch", "/tmp/ready")
    world.clock.advance(5)
    assert world.ready("a")
    assert world.pod("a").status.containerStatuses[0].restartCount == 0


def test_a_container_that_hangs_is_restarted() -> None:
    world = World()
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 2, "failureThreshold": 2}
    world.run("a", ports=[{"name": "http", "containerPort": 8080}], livenessProbe=probe,
              pod={"terminationGracePeriodSeconds": 5})  # fmt: skip
    world.clock.settle()
    world.clock.advance(60)
    world.container("a").behave("hang")
    world.clock.advance(20)
    status = world.pod("a").status.containerStatuses[0]
    assert (status.restartCount, status.lastState.terminated.exitCode) == (1, 137)
    assert world.events("Killing") == [("Container c failed liveness probe, will be restarted", 1)]
    message = world.events("Unhealthy")[0][0]
    assert message.endswith(
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    )


def test_a_startup_probe_holds_the_others_back() -> None:
    world = World()
    world.images.declare("slow", start_up=20.0)
    action = {"httpGet": {"port": 8080}}
    world.run(
        "a",
        image="slow",
        ports=[{"containerPort": 8080}],
        startupProbe={**action, "periodSeconds": 5, "failureThreshold": 10},
        livenessProbe={**action, "periodSeconds": 1, "failureThreshold": 1},
    )
    world.clock.advance(15)
    status = world.pod("a").status.containerStatuses[0]
    assert (status.started, status.ready, status.restartCount) == (False, False, 0)
    world.clock.advance(20)
    status = world.pod("a").status.containerStatuses[0]
    assert (status.started, status.ready, status.restartCount) == (True, True, 0)


def test_a_sidecar_starts_before_and_ends_after_the_others() -> None:
    world = World()
    world.run(
        "a",
        **BOX,
        command=["sh", "-c", "sleep 3"],
        pod={
            "restartPolicy": "Never",
            "initContainers": [
                {"name": "side", "image": "hello:1", "restartPolicy": "Always"},
                {"name": "first", **BOX, "command": ["true"]},
            ],
        },
    )
    world.clock.advance(4)
    side, first = world.pod("a").status.initContainerStatuses
    assert side.state.running is not None and first.state.terminated is not None
    world.clock.settle()
    assert world.pod("a").status.phase == "Succeeded"
    side, _ = world.pod("a").status.initContainerStatuses
    main = world.pod("a").status.containerStatuses[0]
    assert side.state.terminated.finishedAt >= main.state.terminated.finishedAt


def test_a_deleted_pod_gets_its_grace_period() -> None:
    world = World()
    world.images.declare("stubborn", stops_after=1000.0)
    world.run("a", image="stubborn", pod={"terminationGracePeriodSeconds": 7})
    world.clock.settle()
    began = world.clock.now
    world.client.delete(core.Pod, "a", "default")
    world.clock.settle()
    assert 7 < world.clock.now - began < 9
    assert not world.client.list(core.Pod, "default")
    assert not world.kubelets["node-1"].pods


def test_a_pod_that_is_deleted_while_a_probe_has_its_container_stopped_goes_too() -> None:
    world = World()
    world.images.declare("stubborn", stops_after=1000.0)
    probe = {"httpGet": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    world.run("a", image="stubborn", livenessProbe=probe, ports=[{"containerPort": 8080}])
    world.clock.settle()
    world.container("a").behave("failing")
    world.clock.advance(3)
    assert world.container("a").terminating
    world.client.delete(core.Pod, "a", "default", grace_period=5)
    began = world.clock.now
    world.clock.settle()
    assert not world.client.list(core.Pod, "default")
    assert world.clock.now - began < 8


def test_a_pod_that_is_deleted_before_it_started_goes_quickly() -> None:
    world = World()
    for wait in (0.1, 0.5, 1.0):
        world.run("a", image=f"big-{wait}:1")
        world.clock.advance(wait)
        began = world.clock.now
        world.client.delete(core.Pod, "a", "default")
        world.clock.wait_for(lambda: not world.client.list(core.Pod, "default"), 30)
        assert world.clock.now - began < 2
        world.clock.settle()
    assert world.kubelets["node-1"].admitted.used["cpu"] == 0
    assert not world.kubelets["node-1"].runtime.by_ip


def test_a_program_that_is_not_in_the_image() -> None:
    world = World()
    world.run("a", **BOX, command=["python", "app.py"])
    world.clock.advance(1)
    assert world.state("a") == ("waiting", "RunContainerError")
    seen = set()
    for _ in range(60):
        world.clock.advance(1)
        seen.add(world.state("a"))
    assert ("waiting", "CrashLoopBackOff") in seen
    last = world.pod("a").status.containerStatuses[0].lastState.terminated
    assert (last.reason, last.exitCode) == ("StartError", 128)
    assert 'exec: "python": executable file not found in $PATH' in last.message


def test_a_changed_image_restarts_the_container() -> None:
    from msgspec.structs import replace

    world = World()
    world.run("a")
    world.clock.settle()
    pod = world.pod("a")
    container = replace(pod.spec.containers[0], image="hello:2")
    world.client.update(replace(pod, spec=replace(pod.spec, containers=[container])))
    world.clock.settle()
    status = world.pod("a").status.containerStatuses[0]
    assert (status.image, status.restartCount) == ("docker.io/library/hello:2", 1)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [({"cpu": "5"}, "OutOfcpu"), ({"memory": "17Gi"}, "OutOfmemory")],
)
def test_a_pod_that_does_not_fit_fails(request_: dict[str, str], reason: str) -> None:
    world = World()
    world.run("a", resources={"requests": request_})
    world.clock.settle()
    status = world.pod("a").status
    assert (status.phase, status.reason) == ("Failed", reason)


def test_a_kubelet_that_was_away_catches_up() -> None:
    world = World()
    for name in ("stays", "goes", "crashes"):
        world.run(name)
    world.clock.settle()
    kubelet = world.kubelets["node-1"]
    kubelet.stop()
    assert world.container("stays").running, "containers do not need a kubelet to run"
    world.client.delete(core.Pod, "goes", "default", grace_period=0)
    world.container("crashes").exit(1)
    world.run("comes")
    world.clock.advance(600)
    assert world.pod("comes").status.phase == "Pending"
    assert world.pod("crashes").status.containerStatuses[0].state.running is not None
    kubelet.start()
    world.clock.settle()
    assert world.pod("comes").status.phase == "Running"
    assert world.pod("crashes").status.containerStatuses[0].restartCount == 1
    assert [w.pod.metadata.name for w in kubelet.pods.values()] == ["stays", "crashes", "comes"]
    assert len(kubelet.runtime.sandboxes) == 3


def test_a_kubelet_restarts_containers_while_etcd_has_no_quorum() -> None:
    world = World(members=("m1", "m2", "m3"))
    world.serve("web")
    world.run("a")
    world.clock.settle()
    container, members = world.container("a"), world.members
    assert members is not None
    members.partition(["m1"])
    world.clock.advance(5)
    with pytest.raises(ApiError, match="etcdserver: request timed out"):
        world.pod("a")
    container.exit(1)
    world.clock.advance(60)
    members.heal()
    world.clock.advance(3)
    again = world.container("a")
    assert again is not container and again.running
    assert "WEB_SERVICE_PORT=80\n" in world.exec("a", "env").stdout
    world.clock.advance(60)
    assert world.pod("a").status.containerStatuses[0].restartCount == 1
    assert world.ready("a")


def test_a_pod_that_a_controller_took_for_lost_is_ready_again() -> None:
    world = World()
    world.run("a")
    world.clock.settle()
    pod = world.pod("a")
    lost = [replace(c, status="False") if c.type == "Ready" else c for c in pod.status.conditions]
    world.client.update_status(replace(pod, status=replace(pod.status, conditions=lost)))
    assert not world.ready("a")
    world.clock.advance(11)
    assert world.ready("a")


def test_a_pod_whose_port_of_the_node_is_taken_fails() -> None:
    world = World()
    ports = [{"containerPort": 80, "hostPort": 8080}]
    world.run("a", ports=ports)
    world.run("b", ports=ports)
    world.clock.settle()
    status = world.pod("b").status
    assert (status.phase, status.reason) == ("Failed", "NodePorts")
    assert status.message == (
        "Pod was rejected: Predicate NodePorts failed: "
        "node(s) didn't have free ports for the requested pod ports"
    )


@pytest.mark.parametrize(
    ("user", "context", "why"),
    [
        (0, {}, "container has runAsNonRoot and image will run as root"),
        (0, {"runAsUser": 0}, "container's runAsUser breaks non-root policy"),
        ("nginx", {}, "container has runAsNonRoot and image has non-numeric user (nginx), "
                      "cannot verify user is non-root"),
        (101, {}, ""),
        (0, {"runAsUser": 1000}, ""),
    ],
)  # fmt: skip
def test_who_must_not_be_root_is_not(user: int | str, context: dict[str, int], why: str) -> None:
    world = World()
    world.images.declare("app", user=user, userland="busybox")
    context = {"runAsNonRoot": True, **context}
    world.run("a", image="app", command=["sleep", "infinity"], securityContext=context)
    world.clock.advance(10)
    if not why:
        uid = context.get("runAsUser", user)
        assert world.exec("a", "id", "-u").stdout == f"{uid}\n"
        return
    assert world.state("a") == ("waiting", "CreateContainerConfigError")
    message = world.pod("a").status.containerStatuses[0].state.waiting.message
    uid = world.pod("a").metadata.uid
    assert message == f'{why} (pod: "a_default({uid})", container: c)'


def test_a_readiness_probe_is_asked_at_once_and_again_when_it_fails() -> None:
    world = World()
    probe = {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 60, "failureThreshold": 1}
    world.run("a", **BOX, command=["sleep", "infinity"], readinessProbe=probe)
    world.clock.advance(5)
    assert sum(count for _, count in world.events("Unhealthy")) == 1
    world.exec("a", "touch", "/tmp/ready")
    world.clock.advance(60)
    assert world.ready("a")
    world.exec("a", "rm", "/tmp/ready")
    world.clock.advance(61)
    assert not world.ready("a")
    assert sum(count for _, count in world.events("Unhealthy")) == 3, "that it is not ready is news"


COUNTING = "echo x >> /d/n; [ $(wc -l < /d/n) -ge 3 ] || exit 42"


def counting(world: World, policy: str, code: int) -> None:
    """A pod that never restarts, but for what its container says; it fails twice with 42."""
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [code]}}]
    world.run(
        "p",
        **BOX,
        command=["sh", "-c", COUNTING],
        restartPolicy=policy,
        restartPolicyRules=rules,
        volumeMounts=[{"name": "d", "mountPath": "/d"}],
        pod={"restartPolicy": "Never", "volumes": [{"name": "d", "emptyDir": {}}]},
    )
    world.clock.advance(60)


@pytest.mark.parametrize(
    ("policy", "code", "phase", "restarts"),
    [
        ("Never", 42, "Succeeded", 2),
        ("Never", 41, "Failed", 0),
        ("OnFailure", 41, "Succeeded", 2),
    ],
)
def test_a_containers_own_rules_come_before_its_policy_and_that_before_the_pods(
    policy: str, code: int, phase: str, restarts: int
) -> None:
    world = World()
    counting(world, policy, code)
    status = world.pod("p").status
    assert (status.phase, status.containerStatuses[0].restartCount) == (phase, restarts)


def test_a_pod_goes_on_without_a_container_that_is_not_to_come_back() -> None:
    world = World()
    once = {"name": "once", "image": "busybox", "command": ["false"], "restartPolicy": "Never"}
    world.apply(
        yaml.safe_dump(
            {
                "kind": "Pod",
                "metadata": {"name": "q"},
                "spec": {
                    "containers": [
                        once,
                        {"name": "c", "image": "busybox", "command": ["sleep", "600"]},
                    ]
                },
            }
        )
    )
    world.clock.advance(60)
    status = world.pod("q").status
    assert status.phase == "Running" and not world.ready("q")
    assert [c.restartCount for c in status.containerStatuses] == [0, 0]


def test_what_fails_its_probe_and_is_not_to_come_back_ends() -> None:
    world = World()
    probe = {"exec": {"command": ["cat", "/none"]}, "periodSeconds": 1, "failureThreshold": 1}
    sleepy = {"image": "busybox", "command": ["sh", "-c", "sleep 600"]}
    world.run("alone", **sleepy, livenessProbe=probe, pod={"restartPolicy": "Never"})
    other = {"name": "d", **sleepy}
    first = {"name": "c", **sleepy, "livenessProbe": probe}
    world.apply(
        yaml.safe_dump(
            {
                "kind": "Pod",
                "metadata": {"name": "beside"},
                "spec": {"restartPolicy": "Never", "containers": [first, other]},
            }
        )
    )
    world.clock.advance(60)
    assert world.pod("alone").status.phase == "Failed"
    assert world.pod("beside").status.phase == "Running"
    killed = [message for message, _ in world.events("Killing")]
    assert sorted(killed) == ["Container c failed liveness probe", "Stopping container c"]


def test_a_hook_that_outlives_the_grace_period_is_not_heard_to_the_end() -> None:
    world = World()
    late = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 9; exit 1"]}}}
    world.run("p", **BOX, command=["sleep", "600"], lifecycle=late,
              pod={"terminationGracePeriodSeconds": 2})  # fmt: skip
    world.clock.advance(5)
    world.client.delete(core.Pod, "p", "default")
    world.clock.advance(20)
    assert world.events("FailedPreStopHook") == []


SIDECAR = {
    "name": "s",
    "image": "busybox",
    "restartPolicy": "Always",
    "command": ["sh", "-c", 'trap "exit 0" TERM; while true; do sleep 0.2; done'],
}


def conditions_of(world: World, name: str) -> dict[str, tuple[str, str | None]]:
    found = world.pod(name).status.conditions or ()
    return {condition.type: (condition.status, condition.reason) for condition in found}


def test_a_pod_stays_initialized_when_a_sidecar_starts_again() -> None:
    world = World()
    failing = SIDECAR | {"command": ["sh", "-c", "sleep 2; exit 1"]}
    spec = {"initContainers": [failing]}
    world.run("p", **BOX, command=["sleep", "600"], pod=spec)
    seen = set()
    for _ in range(100):
        world.clock.advance(0.1)
        seen.add(conditions_of(world, "p")["Initialized"])
    assert seen == {("False", "ContainersNotInitialized"), ("True", None)}


def test_a_pod_runs_until_its_sidecars_have_been_stopped() -> None:
    world = World()
    spec = {"restartPolicy": "Never", "initContainers": [SIDECAR]}
    world.run("p", **BOX, command=["sleep", "3"], pod=spec)
    world.clock.advance(1)
    while world.state("p")[0] != "terminated":
        world.clock.advance(0.1)
    assert world.pod("p").status.phase == "Running"
    assert conditions_of(world, "p")["Ready"] == ("False", "ContainersNotReady")
    assert conditions_of(world, "p")["Initialized"] == ("True", None)
    world.clock.advance(5)
    assert world.pod("p").status.phase == "Succeeded"
    assert conditions_of(world, "p")["Initialized"] == ("True", "PodCompleted")
    assert world.events("Killing") == [("Stopping container s", 1)]


def test_what_is_deleted_by_force_is_stopped_all_the_same() -> None:
    world = World()
    world.run("p", **BOX, command=["sleep", "600"])
    world.clock.advance(5)
    world.client.delete(core.Pod, "p", "default", grace_period=0)
    world.clock.advance(1)
    assert world.events("Killing") == [("Stopping container c", 1)]


def test_what_will_not_be_started_again_tells_how_it_ended() -> None:
    world = World()
    world.run("once", **BOX, command=["nothing-of-that-name"], pod={"restartPolicy": "Never"})
    world.run("again", **BOX, command=["false"])
    world.clock.advance(30)
    assert world.pod("once").status.phase == "Failed"
    assert world.state("once") == ("terminated", ("StartError", 128))
    while world.state("again")[0] != "waiting":
        world.clock.advance(0.1)
    last = {}
    informer = Informer(world.client, core.Pod)
    informer.on_change(lambda old, new: last.update({(new or old).metadata.name: new or old}))
    informer.start()
    world.client.delete(core.Pod, "again", "default")
    world.clock.advance(5)
    (container,) = last["again"].status.containerStatuses
    assert last["again"].status.phase == "Failed" and container.state.terminated.exitCode == 1
