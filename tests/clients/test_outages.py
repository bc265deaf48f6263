"""What clients over HTTPS see of an outage of the control plane."""

from kubecourse import Cluster
from tests.clients.test_hardening import Wire


def test_without_a_quorum_a_server_is_not_ready_and_says_why() -> None:
    cluster = Cluster(nodes=1, control_plane=3)
    service = cluster.serve(speed=0)
    try:
        wire = Wire(service)
        assert wire.ask("GET", "/readyz")[0] == 200
        cluster.fail_node("control-plane-2")
        cluster.fail_node("control-plane-3")
        code, status = wire.ask("GET", "/api/v1/pods")
        assert (code, status["message"]) == (500, "etcdserver: request timed out")
        assert wire.ask("GET", "/readyz")[0] == 500
        cluster.recover_node("control-plane-2")
        cluster.advance(5)
        assert wire.ask("GET", "/readyz")[0] == 200
        cluster.stop("kube-apiserver")
        assert wire.ask("GET", "/readyz")[0] == 0  # nobody is there
        wire.close()
    finally:
        service.stop()
