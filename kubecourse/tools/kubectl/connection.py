"""kubectl's connection to an API server: requests in, objects as JSON values out.

Every method raises `ApiError` where the server answers with a failure Status. Warnings that come
with answers wait in `warnings` until the command prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from kubecourse.api.errors import ApiError, Unreachable
from kubecourse.api.resources import RESOURCES, Resource
from kubecourse.control_plane.apiserver import discovery, rest

if TYPE_CHECKING:
    from kubecourse.clock import Clock
    from kubecourse.tools.kubectl.resources import Info

Json = dict[str, Any]

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
ETCD_TIMEOUT = 7.0
"""Seconds: 5 for the disk, and twice an election timeout (`ReqTimeout` of etcd's config)."""
WATCH_LIMIT = 3600.0
"""Virtual seconds that a watch without an end of its own lasts at most."""


class Connection:
    """Talks to one cluster's API server as `user`.

    `cluster` is whatever was connected to: commands that need more than the API (`logs`, `exec`,
    `port-forward`) reach the nodes through it. `url` is where the control plane says that it is;
    nothing listens there unless the cluster is served.
    """

    def __init__(self, cluster: Any, user: str = "kubernetes-admin") -> None:
        self.cluster = cluster
        self.clock: Clock = cluster.clock
        self.user = user
        self.namespace = "default"
        self.context = "kubecourse"
        self.url = "https://127.0.0.1:6443"
        self.warnings: list[str] = []

    @property
    def server(self) -> Any:
        """The API server that answers now. Raises Unreachable."""
        return getattr(self.cluster, "server", self.cluster)

    @property
    def resources(self) -> Sequence[Resource]:
        """What the server serves; while none answers, what every server does."""
        try:
            return getattr(self.server, "resources", RESOURCES)
        except Unreachable:
            return RESOURCES

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """One request; returns the answer's body.

        It waits while etcd, of which it needs something, has no quorum, as long as etcd does.
        """
        head = (method, path, query or {}, body, content_type, accept)
        request = rest.Request(*head, self.user, "kubectl")
        server = self.reach(f"{path}?{urlencode(sorted((query or {}).items()))}", method)
        if not server.etcd.ready and discovery.document(path, accept) is None:
            self.clock.wait_for(partial(getattr, server.etcd, "ready"), ETCD_TIMEOUT)
        response = rest.handle(server, request)
        return self.answered(response.code, response.body, response.warnings)

    def answered(self, code: int, body: Any, warnings: list[str]) -> Any:
        """The body of an answer; its warnings are kept. Raises ApiError for a failure."""
        self.warnings += warnings
        if code >= 400:
            reason, details = body.get("reason", ""), body.get("details")
            raise ApiError(body.get("code", 500), reason, body["message"], details)
        return body

    def passed_on(self, path: str, words: list[str], stdin: str | None) -> Any:
        """What a command printed that somebody else ran; None: it is to be run here."""
        return None

    def reach(self, path: str, method: str = "GET") -> Any:
        """The API server, if it can be asked for something. Raises Unreachable."""
        try:
            return self.server
        except Unreachable as error:
            url = f"https://{error.address}{path}".removesuffix("?")
            raise Unreachable(f'{method.capitalize()} "{url}"') from None

    # --- one object; options are `dry_run`, `validation` (Strict, Warn, Ignore), `field_manager`

    def get(self, info: Info, subresource: str = "") -> Json:
        """The object as it is on the server."""
        return self.request("GET", _path(info, subresource))

    def find(self, info: Info) -> Json | None:
        """The object as it is on the server, or None where it is not there."""
        try:
            return self.get(info)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def create(self, info: Info, obj: Json, subresource: str = "", **options: str) -> Json:
        """POST."""
        name = info.name if subresource else ""
        path = path_of(info.resource, info.namespace, name, subresource)
        return self.request("POST", path, _query(**options), obj)

    def replace(self, info: Info, obj: Json, **options: str) -> Json:
        """PUT."""
        return self.request("PUT", _path(info), _query(**options), obj)

    def patch(
        self, info: Info, patch: Any, kind: str = "", subresource: str = "", **options: str
    ) -> Json:
        """PATCH; `kind` is json, merge or strategic, by itself what kubectl can of the resource."""
        kind = kind or ("merge" if info.resource.merges else "strategic")
        path = _path(info, subresource)
        return self.request("PATCH", path, _query(**options), patch, PATCHES[kind])

    def apply(self, info: Info, config: Json, *, force: bool = False, **options: str) -> Json:
        """PATCH: server-side apply; `force` takes fields over from others."""
        query = _query(**options) | ({"force": "true"} if force else {})
        return self.request("PATCH", _path(info), query, config, "application/apply-patch+yaml")

    def delete(
        self, info: Info, grace: int = -1, propagation: str = "Background", dry_run: str = ""
    ) -> Json:
        """DELETE; `grace` in seconds, -1 for the object's own."""
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace >= 0:
            body["gracePeriodSeconds"] = grace
        if dry_run == "server":
            body["dryRun"] = ["All"]
        return self.request("DELETE", _path(info), {}, body)

    # --- several objects

    def list(
        self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """All objects, of one namespace or (None) of every; each with its kind and apiVersion."""
        answer = self.request("GET", path_of(resource, namespace), _selection(labels, fields))
        named = {"apiVersion": resource.api_version, "kind": resource.kind}
        return [{**named, **item} for item in answer["items"]]

    def table(
        self,
        resource: Resource,
        namespace: str | None,
        name: str = "",
        labels: str = "",
        fields: str = "",
        whole_objects: bool = False,
    ) -> Json:
        """What `kubectl get` shows, as a Table; with `whole_objects` each row has its object."""
        query = _selection(labels, fields)
        if whole_objects:
            query["includeObject"] = "Object"
        return self.request("GET", path_of(resource, namespace, name), query, accept=TABLE)

    def revision(self, resource: Resource, namespace: str | None) -> str:
        """The resourceVersion after which a watch tells what is new."""
        return str(self.server.etcd.revision)

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        handler: Callable[[Json], None],
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        after: str = "",
        table: bool = False,
    ) -> Any:
        """Pass each change to `handler` as `{"type": "ADDED", "object": …}`, as time passes.

        Returns the stream; `stop()` ends it. With `after`, a resourceVersion, only what came later.
        """
        query = _selection(labels, f"metadata.name={name}" if name else fields)
        query |= {"watch": "true"} | ({"resourceVersion": after} if after else {})
        accept = TABLE if table else "application/json"
        return self.stream(path_of(resource, namespace), query, accept, handler)

    def stream(
        self, path: str, query: dict[str, str], accept: str, handler: Callable[[Json], None]
    ) -> Any:
        """Open a watch."""
        request = rest.Request("GET", path, query, None, "", accept, self.user)
        return rest.watch(self.server, request, handler)


def path_of(resource: Resource, namespace: str | None, *names: str) -> str:
    """Where an object, or a collection, is served."""
    parts = ["/apis" if resource.group else "/api", resource.api_version]
    if resource.namespaced and namespace:
        parts += ["namespaces", namespace]
    return "/".join([*parts, resource.plural, *filter(None, names)])


def _path(info: Info, subresource: str = "") -> str:
    return path_of(info.resource, info.namespace, info.name, subresource)


def _selection(labels: str, fields: str) -> dict[str, str]:
    return _given(labelSelector=labels, fieldSelector=fields)


def _query(dry_run: str = "", validation: str = "", field_manager: str = "") -> dict[str, str]:
    """`dry_run` is that of the command: only `server` concerns the server."""
    dry = "All" if dry_run == "server" else ""
    return _given(dryRun=dry, fieldValidation=validation, fieldManager=field_manager)


def _given(**query: str) -> dict[str, str]:
    return {key: value for key, value in query.items() if value}
