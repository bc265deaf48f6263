"""Many watches at once: nobody misses a change, nobody sees one twice."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
import yaml

from kubecourse import Cluster
from kubecourse.control_plane.apiserver.http import watching
from kubecourse.control_plane.apiserver.http.service import Service

WATCHERS = 200
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=3)


@pytest.fixture
def service(cluster: Cluster) -> Iterator[Service]:
    service = cluster.serve(speed=0)
    yield service
    service.stop()


Get = Callable[..., Any]


def talk(service: Service, task: Callable[[Get], Awaitable[Any]]) -> Any:
    """Run a task with a client of the service."""
    config = yaml.safe_load(service.kubeconfig.read_text())
    token = config["users"][0]["user"]["token"]
    context = ssl.create_default_context(
        cadata=b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    )

    async def run() -> Any:
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(
            service.url, connector=connector, headers=headers
        ) as session:
            return await task(session.get)

    with ThreadPoolExecutor() as thread:  # a browser's tests leave an event loop in this one
        return thread.submit(asyncio.run, run()).result()


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        yield json.loads(line)


def test_none_of_many_misses_or_repeats_a_change(cluster: Cluster, service: Service) -> None:
    cluster.run("create deployment web --image=nginx:1.25 --replicas=10")
    cluster.settle()
    start = cluster.server.etcd.revision

    async def watch(get: Get, since: int, seen: list[tuple[str, str, str]]) -> None:
        path = f"{PODS}?watch=true&resourceVersion={since}&timeoutSeconds=3600"
        async with get(path) as response:
            async for event in events(response):
                metadata = event["object"]["metadata"]
                if metadata["name"] == "the-end":
                    return
                seen.append((event["type"], metadata["name"], metadata["resourceVersion"]))

    async def all_of_them(get: Get) -> list[list[tuple[str, str, str]]]:
        seen: list[list[tuple[str, str, str]]] = [[] for _ in range(WATCHERS)]
        watching = [asyncio.create_task(watch(get, start, each)) for each in seen]
        await asyncio.sleep(1)
        service.speed = 30
        await asyncio.to_thread(cluster.run, "set image deploy/web nginx=nginx:1.27")
        for _ in range(6):  # from the notebook as well, while time passes anyhow
            await asyncio.to_thread(cluster.advance, 10)
        await asyncio.to_thread(cluster.run, "run the-end --image=nginx:1.25")
        await asyncio.wait_for(asyncio.gather(*watching), 60)
        return seen

    seen = talk(service, all_of_them)
    end = int(cluster.get("pod/the-end").metadata.resourceVersion)
    resource = cluster._resource("pods")
    truth = []
    for change in cluster.server.etcd.history(resource.prefix, start):
        obj = change.new or change.old
        if change.revision >= end or obj.metadata.name == "the-end":
            break
        kind = "DELETED" if change.new is None else "MODIFIED" if change.old else "ADDED"
        truth.append((kind, obj.metadata.name, str(change.revision)))
    assert len(truth) > 50
    assert Counter(map(tuple, seen)) == {tuple(truth): WATCHERS}


def test_a_watch_begins_with_what_there_is_and_says_where_that_ends(
    cluster: Cluster, service: Service
) -> None:
    cluster.run("create cm a")

    async def first(get: Get, query: str) -> list[dict[str, Any]]:
        found = []
        async with get(f"/api/v1/namespaces/default/configmaps?watch=1&{query}") as response:
            async for event in events(response):
                found.append(event)
                if event["type"] in ("BOOKMARK", "ERROR"):
                    break
        return found

    both = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    found = talk(service, lambda get: first(get, both))
    *added, end = found
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in added] == [
        ("ADDED", "a"), ("ADDED", "kube-root-ca.crt"),
    ]  # fmt: skip
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_who_asks_for_what_is_forgotten_is_told(cluster: Cluster, service: Service) -> None:
    cluster.server.etcd.compact(cluster.server.etcd.revision)

    async def ask(get: Get) -> list[dict[str, Any]]:
        async with get(f"{PODS}?watch=1&resourceVersion=1") as response:
            return [event async for event in events(response)]

    (event,) = talk(service, ask)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_watches_end_when_the_cluster_goes_back_in_time(cluster: Cluster, service: Service) -> None:
    before = cluster.snapshot()

    async def watch(get: Get) -> list[str]:
        async with get(f"{PODS}?watch=1") as response:
            cluster.run("run a --image=nginx:1.25")
            cluster.restore(before)
            return [event["type"] async for event in events(response)]

    assert talk(service, watch) == ["ADDED"]
    assert cluster.pods() == []


def test_copies_of_the_cluster_are_nobodys_business(cluster: Cluster, service: Service) -> None:
    async def watch(get: Get) -> list[str]:
        names = []
        async with get(f"{PODS}?watch=1") as response:
            fork = cluster.fork()
            fork.run("run elsewhere --image=nginx:1.25")
            cluster.run("run here --image=nginx:1.25")
            async for event in events(response):
                names.append(event["object"]["metadata"]["name"])
                if names[-1] == "here":
                    break
        return names

    assert talk(service, watch) == ["here"]


def test_a_slow_reader_is_sent_away(
    service: Service, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_WAITING", 100)  # bytes: less than any event has

    async def watch(get: Get) -> int:
        async with get(f"{PODS}?watch=1") as response:
            for number in range(20):
                cluster.run(f"run pod-{number} --image=nginx:1.25")
            return len([event async for event in events(response)])

    assert talk(service, watch) < 20


def test_a_watch_of_a_deprecated_kind_begins_with_a_warning(service: Service) -> None:
    async def watch(get: Get) -> list[str]:
        path = "/api/v1/endpoints?watch=true&timeoutSeconds=1"
        async with get(path) as response:
            return response.headers.getall("Warning")

    said = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    assert talk(service, watch) == [f'299 - "{said}"']
