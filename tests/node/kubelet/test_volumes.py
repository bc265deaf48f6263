"""What pods see of ConfigMaps, Secrets, claims and themselves, as files and as variables."""

from msgspec.structs import replace

from kubecourse.api import models
from tests.node.world import World

core = models.core_v1
FOREVER = ["sleep", "infinity"]
CONF = "kind: ConfigMap\nmetadata: {name: conf}\ndata: {colour: green}\n"


def mount(path: str, **more: object) -> list[dict[str, object]]:
    return [{"name": "v", "mountPath": path, **more}]


def box(world: World, name: str, volume: dict[str, object], **container: object) -> None:
    container.setdefault("volumeMounts", mount("/v"))
    spec = {"volumes": [{"name": "v", **volume}]}
    world.run(name, image="busybox", command=FOREVER, pod=spec, **container)
    world.clock.advance(5)


def recolour(world: World, colour: str) -> None:
    conf = world.client.get(core.ConfigMap, "conf", "default")
    world.client.update(replace(conf, data={"colour": colour}))


def test_files_follow_a_config_map_within_a_sync_period_and_variables_do_not() -> None:
    world = World()
    world.apply(CONF)
    take = {"configMapKeyRef": {"name": "conf", "key": "colour"}}
    box(world, "a", {"configMap": {"name": "conf"}}, env=[{"name": "C", "valueFrom": take}])
    recolour(world, "red")
    assert world.exec("a", "cat", "/v/colour").stdout == "green"
    began = world.clock.now
    world.clock.wait_for(lambda: world.exec("a", "cat", "/v/colour").stdout == "red", 200)
    assert 0 < world.clock.now - began < 90
    assert world.exec("a", "printenv", "C").stdout == "green\n"


def test_one_file_of_a_config_map_stays_as_it_was() -> None:
    world = World()
    world.apply(CONF)
    only = mount("/etc/colour", subPath="colour")
    box(world, "a", {"configMap": {"name": "conf"}}, volumeMounts=only)
    recolour(world, "red")
    world.clock.advance(200)
    assert world.exec("a", "cat", "/etc/colour").stdout == "green"


def test_an_optional_config_map_may_come_later() -> None:
    world = World()
    box(world, "a", {"configMap": {"name": "conf", "optional": True}})
    assert world.exec("a", "ls", "/v").stdout == ""
    world.apply(CONF)
    world.clock.advance(90)
    assert world.exec("a", "cat", "/v/colour").stdout == "green"


def test_a_loop_that_waits_for_a_file_sees_it_come() -> None:
    world = World()
    world.apply(CONF)
    script = "until grep -q red /v/colour; do sleep 1; done"
    world.run("a", image="busybox", command=["sh", "-c", script], volumeMounts=mount("/v"),
              pod={"restartPolicy": "Never",
                   "volumes": [{"name": "v", "configMap": {"name": "conf"}}]})  # fmt: skip
    world.clock.advance(7200)
    assert world.state("a")[0] == "running"
    recolour(world, "red")
    world.clock.advance(90)
    assert world.state("a") == ("terminated", ("Completed", 0))


def test_a_pod_reads_its_own_labels() -> None:
    world = World()
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu",
                                             "divisor": "1m"}},
    ]  # fmt: skip
    box(world, "a", {"downwardAPI": {"items": items}}, labels={"app": "x", "tier": "y"},
        resources={"limits": {"cpu": "250m"}})  # fmt: skip
    assert world.exec("a", "cat", "/v/labels").stdout == 'app="x"\ntier="y"'
    assert world.exec("a", "cat", "/v/cpu").stdout == "250"
    pod = world.pod("a")
    metadata = replace(pod.metadata, labels={"app": "z"})
    world.client.update(replace(pod, metadata=metadata))
    world.clock.advance(90)
    assert world.exec("a", "cat", "/v/labels").stdout == 'app="z"'


def test_what_a_claim_holds_outlives_its_pod() -> None:
    world = World(nodes=2)
    world.apply(
        "kind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"
    )
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    box(world, "a", claim)
    why = "error processing PVC default/data: PVC is not bound"
    assert [message.endswith(why) for message, _ in world.events("FailedMount")] == [True]
    pvc = world.client.get(core.PersistentVolumeClaim, "data", "default")
    pvc = world.client.update(replace(pvc, spec=replace(pvc.spec, volumeName="pv")))
    status = replace(pvc.status, phase="Bound")
    world.client.update_status(replace(pvc, status=status))
    world.clock.advance(130)
    world.exec("a", "sh", "-c", "echo kept > /v/file")
    world.client.delete(core.Pod, "a", "default", grace_period=0)
    box(world, "b", claim, node="node-2")
    assert world.exec("b", "cat", "/v/file").stdout == "kept\n"


def test_a_host_path_is_shared_by_the_pods_of_a_node_alone() -> None:
    world = World(nodes=2)
    host = {"hostPath": {"path": "/data"}}
    for name, node in (("a", "node-1"), ("b", "node-1"), ("c", "node-2")):
        box(world, name, host, node=node)
    world.exec("a", "touch", "/v/file")
    assert [world.exec(name, "ls", "/v").stdout for name in "abc"] == ["file\n", "file\n", ""]


def test_a_pod_may_name_addresses_and_call_its_part_of_a_volume_after_itself() -> None:
    world = World()
    name = {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    spec = {
        "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["db", "db.old"]}],
        "volumes": [{"name": "v", "hostPath": {"path": "/data"}}],
    }
    volumes = [*mount("/mine", subPathExpr="$(NAME)/logs"), *mount("/all")]
    world.run("a", image="busybox", command=FOREVER, env=[name], volumeMounts=volumes, pod=spec)
    world.clock.settle()
    world.exec("a", "touch", "/mine/x")
    assert world.exec("a", "ls", "/all/a/logs").stdout == "x\n"
    assert "10.1.2.3\tdb\tdb.old" in world.exec("a", "cat", "/etc/hosts").stdout
    assert "(10.1.2.3:80)" in world.exec("a", "wget", "http://db").stderr


def test_part_of_a_volume_is_a_directory_of_its_own() -> None:
    world = World()
    two = [*mount("/logs", subPath="logs"), *mount("/all")]
    box(world, "a", {"emptyDir": {}}, volumeMounts=two)
    world.exec("a", "sh", "-c", "echo x > /logs/today")
    assert world.exec("a", "cat", "/all/logs/today").stdout == "x\n"
    assert world.exec("a", "ls", "/logs").stdout == "today\n"


def test_services_made_after_the_start_are_not_among_the_variables() -> None:
    world = World()
    for name in ("early", "late"):
        world.apply(f"kind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}")
        if name == "early":
            world.run("a", image="busybox", command=FOREVER)
            world.clock.settle()
    out = world.exec("a", "env").stdout
    assert "EARLY_SERVICE_HOST=" in out and "LATE_SERVICE_HOST=" not in out


def test_a_root_file_system_may_be_read_only() -> None:
    world = World()
    fixed = {"readOnlyRootFilesystem": True}
    box(world, "a", {"emptyDir": {}}, securityContext=fixed)
    assert "Read-only file system" in world.exec("a", "touch", "/tmp/x").stderr
    assert world.exec("a", "touch", "/v/x").code == 0


def test_a_pods_own_names() -> None:
    world = World()
    spec = {"hostname": "zero", "subdomain": "db"}
    spec["hostAliases"] = [{"ip": "10.1.2.3", "hostnames": ["old", "older"]}]
    world.run("a", image="busybox", command=FOREVER, pod=spec)
    world.clock.settle()
    ip = world.pod("a").status.podIP
    lines = world.exec("a", "cat", "/etc/hosts").stdout.splitlines()
    assert lines[:2] == ["# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost"]
    assert lines[-4:] == [
        f"{ip}\tzero.db.default.svc.cluster.local\tzero",
        "",
        "# Entries added by HostAliases.",
        "10.1.2.3\told\tolder",
    ]


def test_what_has_no_limit_may_use_what_its_node_has() -> None:
    world = World()
    asked = {"CPU": "limits.cpu", "MEMORY": "limits.memory", "ASKED": "requests.memory"}
    env = [
        {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource}}}
        for name, resource in asked.items()
    ]
    limits = {"limits": {"memory": "64Mi"}}
    for name, resources in (("free", {}), ("bound", limits)):
        world.run(name, image="busybox", command=FOREVER, env=env, resources=resources)
    world.clock.settle()
    said = {}
    for name in ("free", "bound"):
        lines = world.exec(name, "env").stdout.splitlines()
        given = dict(line.split("=", 1) for line in lines)
        said[name] = [given[each] for each in asked]
    assert said == {
        "free": ["4", str(16 * 2**30), "0"],
        "bound": ["4", str(64 * 2**20), str(64 * 2**20)],
    }
