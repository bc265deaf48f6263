"""Lists in pages: together they are the list as it was at their first."""

import pytest

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.rest import Request, Response, handle

CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=0)
    cluster.run("create namespace shop")
    for number in range(5):
        cluster.run(f"create cm c{number} -n shop")
    return cluster


def ask(cluster: Cluster, **query: str) -> Response:
    return handle(cluster.server, Request("GET", CONFIG_MAPS, query))


def names(response: Response) -> list[str]:
    return [item["metadata"]["name"] for item in response.body["items"]]


def test_pages_are_one_list_whatever_happens_in_between(cluster: Cluster) -> None:
    first = ask(cluster, limit="2")
    assert names(first) == ["c0", "c1"]
    assert first.body["metadata"]["remainingItemCount"] == 3
    cluster.run("delete cm c3 -n shop")
    cluster.run("create cm c2-and-a-half -n shop")
    second = ask(cluster, limit="2", **{"continue": first.body["metadata"]["continue"]})
    third = ask(cluster, limit="2", **{"continue": second.body["metadata"]["continue"]})
    assert names(second) + names(third) == ["c2", "c3", "c4"]
    assert "continue" not in third.body["metadata"]
    versions = {page.body["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(versions) == 1


def test_what_is_selected_is_counted_not_what_there_is(cluster: Cluster) -> None:
    cluster.run("label cm c1 c3 c4 -n shop a=b")
    page = ask(cluster, limit="2", labelSelector="a=b")
    assert names(page) == ["c1", "c3"]
    assert "remainingItemCount" not in page.body["metadata"]


def test_a_list_of_the_past(cluster: Cluster) -> None:
    then = str(cluster.server.etcd.revision)
    cluster.run("delete cm c0 c1 -n shop")
    past = ask(cluster, resourceVersion=then, resourceVersionMatch="Exact")
    assert names(past) == [f"c{number}" for number in range(5)]
    assert names(ask(cluster, resourceVersion=then)) == ["c2", "c3", "c4"]


def test_what_is_forgotten_or_yet_to_come_is_refused(cluster: Cluster) -> None:
    page = ask(cluster, limit="2")
    cluster.run("create cm later -n shop")
    cluster.server.etcd.compact(cluster.server.etcd.revision)
    late = ask(cluster, limit="2", **{"continue": page.body["metadata"]["continue"]})
    assert (late.code, late.body["reason"]) == (410, "Expired")
    early = ask(cluster, resourceVersion="99999")
    assert (early.code, early.body["reason"]) == (504, "Timeout")


@pytest.mark.parametrize("token", ["x", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6IjEifQ"])
def test_a_token_that_is_none_is_refused(cluster: Cluster, token: str) -> None:
    answer = ask(cluster, limit="2", **{"continue": token})
    assert answer.code == 400
    assert "continue key is not valid" in answer.body["message"]
