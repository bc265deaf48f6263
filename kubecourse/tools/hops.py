"""Every message about some objects, overheard: who asked the API server for what, who was told.

Nothing is scripted. On a copy of a cluster each component's connection gets an ear, and each of its
watches too; what is said goes on as if nobody listened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import Resource
from kubecourse.client import Client
from kubecourse.control_plane.apiserver.watch import Watch
from kubecourse.snapshot import everything
from kubecourse.tools.sources import manifest
from kubecourse.tools.tables import columns

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster

KUBECTL, DNS, ALL = "kubectl", "coredns", "*"
"""Who has no machine of its own; and the machine of what is on every node."""
STORED, TOLD, RESOLVED, ANSWERED = "stored", "told", "resolved", "answered"
"""What is no request: to etcd, by a watch, by the cluster's DNS, by a pod."""
VERBS = {
    "get": "GET", "list": "LIST", "create": "POST", "update": "PUT", "patch": "PATCH",
    "apply": "PATCH", "bind": "POST", "delete": "DELETE", "remove": "DELETE", "evict": "POST",
}  # fmt: skip
"""The API server's methods that are requests."""
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PATIENCE = 120.0
"""Virtual seconds in which a pod must answer."""


class Hop(NamedTuple):
    """One message. `source` and `target` are components, as `kubelet@node-1`.

    `verb` is a request's, or one of the words above. `object` is `pod/web-1`, `obj` the object as
    it then was, `revision` its resourceVersion (0: none was written), `code` a request's answer.
    `controller` is which of the controller manager's controllers asked. `event`: it is only about
    an Event, which somebody writes for people.
    """

    time: float
    source: str
    target: str
    verb: str
    path: str
    object: str
    revision: int = 0
    code: int = 200
    obj: Any = None
    controller: str = ""
    event: bool = False

    @property
    def who(self) -> str:
        """Who speaks."""
        return self.controller or self.source.partition("@")[0]


class Hops(list[Hop]):
    """Messages in order; printed, a table."""

    def __repr__(self) -> str:
        head = ("second", "from", "to", "verb", "what", "revision")
        rows = [
            (f"{hop.time:.3f}", f"{hop.controller or hop.source}", hop.target,
             hop.verb if hop.code < 400 else f"{hop.verb} {hop.code}",
             f"{hop.path} {hop.object}" if hop.verb == TOLD else hop.path, str(hop.revision or ""))
            for hop in self
        ]  # fmt: skip
        return columns((head, *rows))

    def way(self) -> Hops:
        """Those without which the last, an answer, would not have come; in order.

        Back from who answered: of what a component was told, that which is about the object that
        it then wrote, or else about one that it names. Requests of kubectl are all part of it.
        Without an answer, all but those about Events.
        """
        if not self or self[-1].verb != ANSWERED:
            return Hops(hop for hop in self if not hop.event)
        needed = {n for n, hop in enumerate(self) if KUBECTL in (hop.source, hop.target)}
        todo = sorted(needed)
        while todo:
            found = set(self._causes(todo.pop())) - needed
            needed |= found
            todo += found
        return Hops(self[number] for number in sorted(needed))

    def _causes(self, number: int) -> Iterator[int]:
        """What a message came from, and a write's storing, which belongs to it."""
        hop, before = self[number], range(number - 1, -1, -1)
        same = [n for n, each in enumerate(self) if hop.revision and each.revision == hop.revision]
        if hop.verb in (TOLD, STORED):
            yield from (n for n in same if self[n].verb in (STORED, *WRITES))
        elif hop.verb in WRITES:
            yield from (n for n in same if self[n].verb == STORED)
            if hop.source != KUBECTL:
                yield from self._reason(before, hop)
        elif hop.verb in (RESOLVED, "GET") and hop.code == 200:
            for kind in ("service/", "endpointslice/")[: 1 + (hop.verb == "GET")]:
                who = hop.target.partition("@")[0]
                heard = (n for n in before if self[n].verb == TOLD
                         and self[n].object.startswith(kind)
                         and self[n].target.startswith(who))  # fmt: skip
                yield from islice(heard, 1)

    def _reason(self, before: range, hop: Hop) -> Iterator[int]:
        """What a component was told, by others, that made it write an object."""
        mine = {each.revision for each in self if each.who == hop.who and each.verb in WRITES}
        heard = [n for n in before if self[n].verb == TOLD and self[n].target == hop.source
                 and self[n].revision not in mine]  # fmt: skip
        for uids in ({hop.obj.metadata.uid}, _named(hop.obj)):
            found = [n for n in heard if self[n].obj.metadata.uid in uids]
            if found:
                return (yield found[0])


def _named(obj: Any) -> set[str]:
    """The uids of an object's owners, and of what its endpoints are."""
    endpoints = getattr(obj, "endpoints", None) or ()
    targets = [each.targetRef.uid for each in endpoints if each.targetRef is not None]
    return {*targets, *(owner.uid for owner in obj.metadata.ownerReferences or ())}


def follow(cluster: Cluster, source: Any, url: str = "") -> tuple[Cluster, Hops]:
    """Apply a manifest to a copy of a cluster, until all is at rest and, with a URL, one answers.

    `source` as for `Cluster.apply`. Returns the copy as it is then, and every message about what
    the manifest asks for.
    """
    copy = cluster.fork()
    recorder = Recorder(copy)
    copy.run(*manifest(source))
    copy.settle()
    if url:
        recorder.ask(url)
    return copy, recorder.hops


class Recorder:
    """Listens to all that is said in a cluster about what kubectl makes and what comes of it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.hops = Hops()
        self._family: dict[str, None] = {}
        self._attach()

    def _attach(self) -> None:
        """Give everybody an ear: each watch, each client, and each controller by its name."""
        cluster = self.cluster
        objects = everything(cluster)
        for watch in objects:
            if isinstance(watch, Watch):
                listener = getattr(watch._handler, "__self__", None)
                client = getattr(listener, "client", None) or getattr(listener, "_client", None)
                if isinstance(client, Client):
                    watch._handler = self.listener(_place(client), watch._handler)
        door = cluster._door
        for client in objects:
            if isinstance(client, Client) and client._connection is not door:
                client._connection = _Ear(self, _place(client), "", client._connection)
        for machine in cluster.control_plane:
            for name, controller in machine.controller_manager.controllers.items():
                heard: Any = controller.client._connection
                named = _Ear(self, heard.who, name, heard.connection)
                client = Client(named, cluster.clock, controller.client.user)
                controller.client = controller.recorder._client = client
        cluster._door = _Ear(self, KUBECTL, "", door)  # type: ignore[assignment]

    def listener(self, who: str, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        """A watch's handler, overheard."""
        return partial(self._told, who, handler)

    # --- what is heard

    def request(
        self, ear: _Ear, server: Any, name: str, args: tuple[Any, ...], code: int, before: int
    ) -> None:
        """A request has been answered, and with it everything stored that was stored."""
        api = f"kube-apiserver@{ear.machine}"
        store, path = self.cluster.etcd, _path(name, args)
        changes = [store.change(n) for n in range(before + 1, store.revision + 1)]
        written = [change for change in changes if change is not None]
        obj = next((each.new or each.old for each in written), None)
        if obj is None:
            obj = next((arg for arg in args if hasattr(arg, "metadata")), None)
        if ear.who == KUBECTL and obj is not None and not _is_event(obj):
            self._family[obj.metadata.uid] = None
        if ear.who != KUBECTL and (obj is None or not self._mine(obj)):
            return
        now, event = self.cluster.now, _is_event(obj)
        revision = written[0].revision if written else 0
        verb, label = VERBS[name], _name(obj) if obj is not None else ""
        self.hops.append(
            Hop(now, ear.who, api, verb, path, label, revision, code, obj, ear.controller, event)
        )
        leader = self.cluster.control_plane.etcd_leader or ear.machine
        for change in written:
            stored = change.new or change.old
            hop = Hop(now, api, f"etcd@{leader}", STORED, change.key, _name(stored),
                      change.revision, obj=stored, event=event)  # fmt: skip
            self.hops.append(hop)

    def _told(self, who: str, handler: Callable[[Any], None], changes: list[Any]) -> None:
        machines = self.cluster.control_plane.machines
        own = who.partition("@")[2]
        api = f"kube-apiserver@{own if own in machines else next(iter(machines))}"
        for kind, obj in changes:
            if obj.metadata.resourceVersion and self._mine(obj):
                revision = int(obj.metadata.resourceVersion)
                hop = Hop(self.cluster.now, api, who, TOLD, kind, _name(obj), revision, obj=obj,
                          event=_is_event(obj))  # fmt: skip
                self.hops.append(hop)
        handler(changes)

    def _mine(self, obj: Any) -> bool:
        """Whether an object is one that kubectl made, or belongs to one, or tells of one."""
        metadata = obj.metadata
        uids = [metadata.uid, *(owner.uid for owner in metadata.ownerReferences or ())]
        if _is_event(obj):
            uids = [obj.involvedObject.uid]
        mine = any(uid in self._family for uid in uids)
        if mine and metadata.uid and not _is_event(obj):
            self._family[metadata.uid] = None
        return mine

    def ask(self, url: str) -> None:
        """Ask for a page until somebody answers, and tell who did."""
        cluster, end = self.cluster, self.cluster.now + PATIENCE
        response = cluster.request(url)
        while not response.ok and cluster.now < end:
            cluster.advance(1)
            response = cluster.request(url)
        host = url.partition("://")[2].partition("/")[0].partition(":")[0]
        found = cluster.dns.resolve(host, "default")
        now = cluster.now
        if found is not None and found.addresses:
            self.hops.append(Hop(now, KUBECTL, DNS, RESOLVED, host, found.addresses[0]))
        said = response.body.strip() if response.ok else response.error
        node = f"kube-proxy@{response.node}" if response.node else ""
        if response.ok:
            self.hops.append(Hop(now, KUBECTL, node, "GET", url, f"pod/{response.pod}"))
        self.hops.append(
            Hop(now, node, KUBECTL, ANSWERED, said, f"pod/{response.pod}", code=response.status)
        )


class _Ear:
    """A component's connection to the API, overheard."""

    def __init__(self, recorder: Recorder, who: str, controller: str, connection: Any) -> None:
        self.recorder = recorder
        self.who = who
        self.controller = controller
        self.connection = connection

    @property
    def machine(self) -> str:
        """Where the API server is that answers."""
        return str(self.connection._machine.name)

    @property
    def server(self) -> Any:
        return _Overheard(self, self.connection.server)

    def watch(self, resource: Resource, handler: Any, **options: Any) -> Any:
        """As the connection's."""
        return self.connection.watch(resource, self.recorder.listener(self.who, handler), **options)


class _Overheard:
    """An API server as one client has it."""

    def __init__(self, ear: _Ear, server: Any) -> None:
        self._ear = ear
        self._server = server

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._server, name)
        return partial(self._ask, name, method) if name in VERBS else method

    def _ask(self, name: str, method: Any, *args: Any, **options: Any) -> Any:
        ear, store = self._ear, self._ear.recorder.cluster.etcd
        before, code = store.revision, 200
        try:
            answer = method(*args, **options)
        except ApiError as error:
            code = error.code
            raise
        finally:
            ear.recorder.request(ear, self._server, name, args, code, before)
        return answer


def _place(client: Client) -> str:
    """A component and its machine, from whom it says it is: `kubelet@node-1`."""
    user, slash, node = client.user.partition("/")
    connection = client._connection
    own = getattr(getattr(connection, "connection", connection), "_own", None)
    if own is not None:
        return f"{user}@{own.name}"
    return f"{user}@{node}" if slash else f"{user}@{ALL}" if user == "kube-proxy" else user


def _is_event(obj: Any) -> bool:
    return obj is not None and obj.kind == "Event"


def _name(obj: Any) -> str:
    return f"{obj.kind.lower()}/{obj.metadata.name}"


def _path(name: str, args: tuple[Any, ...]) -> str:
    """The path of a request, from the arguments of the API server's method."""
    if name in ("bind", "evict"):
        namespace, pod, *_ = args
        return f"/api/v1/namespaces/{namespace}/pods/{pod}/{_SUBRESOURCE[name]}"
    resource, first, *rest = args
    if name in ("create", "update"):
        namespace, local = first.metadata.namespace, first.metadata.name
        tail = ["" if name == "create" else local]
    else:
        namespace, tail = first, rest[:1] if name != "list" else []
        rest = rest[1:]
    tail += [each for each in rest if isinstance(each, str)][:1]
    root = f"/apis/{resource.group}" if resource.group else "/api"
    place = f"/namespaces/{namespace}" if resource.namespaced and namespace else ""
    below = "".join(f"/{part}" for part in tail if part)
    return f"{root}/{resource.version}{place}/{resource.plural}{below}"


_SUBRESOURCE = {"bind": "binding", "evict": "eviction"}
