"""The Service `kubernetes`, by which programs in the cluster find its API."""

import pytest

from kubecourse import Cluster


@pytest.mark.parametrize(
    ("machines", "addresses"),
    [(1, ["172.18.0.1"]), (3, ["172.18.0.2", "172.18.0.3", "172.18.0.4"])],
)
def test_it_leads_to_the_machines_of_the_control_plane(machines: int, addresses: list[str]) -> None:
    cluster = Cluster(nodes=1, control_plane=machines)
    listed = cluster.run("get service").stdout.splitlines()[1].split()
    assert listed[:5] == ["kubernetes", "ClusterIP", "10.96.0.1", "<none>", "443/TCP"]
    (endpoint_slice,) = cluster.list("endpointslices")
    assert [ip for each in endpoint_slice.endpoints for ip in each.addresses] == addresses
    endpoints = cluster.run("get endpoints kubernetes --no-headers").stdout.split()[1]
    assert endpoints == ",".join(f"{ip}:6443" for ip in addresses)


def test_it_takes_no_part_in_what_is_drawn() -> None:
    """Whoever names a seed gets the names of pods that go with it."""
    one, two = Cluster(seed=3), Cluster(seed=3)
    two.run("delete service kubernetes")
    for cluster in (one, two):
        cluster.run("create deployment web --image=nginx:1.27 --replicas=2")
        cluster.settle()
    assert one.pods() == two.pods()


def test_containers_are_told_of_it_even_without_links() -> None:
    cluster = Cluster()
    cluster.run(
        "apply -f -",
        """
kind: Pod
apiVersion: v1
metadata: {name: told}
spec:
  enableServiceLinks: false
  restartPolicy: Never
  containers: [{name: c, image: "busybox:1.36", command: [env]}]
""",
    )
    cluster.run("create namespace other")
    cluster.run("create service clusterip web --tcp=80")
    cluster.settle()
    told = dict(line.split("=", 1) for line in cluster.run("logs told").stdout.splitlines())
    assert told["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert told["KUBERNETES_PORT_443_TCP"] == "tcp://10.96.0.1:443"
    assert not any(name.startswith("WEB_") for name in told)


def test_who_asks_it_from_a_pod_is_told_that_nobody_answers_there() -> None:
    cluster = Cluster()
    answer = cluster.request("https://kubernetes/api")
    assert "simulated: programs in pods do not reach the API" in answer.error
