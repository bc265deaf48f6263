"""kubectl's connection to an API server: requests in, objects as JSON values out.

Every method raises `ApiError` where the server answers with a failure Status. Warnings that come
with answers wait in `warnings` until the command prints them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import Resource
from kubecourse.control_plane.apiserver import rest

if TYPE_CHECKING:
    from kubecourse.clock import Clock

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
WATCH_LIMIT = 3600.0
"""Virtual seconds that a watch without an end of its own lasts at most."""


class Connection:
    """Talks to one cluster's API server as `user`.

    `cluster` is whatever was connected to: commands that need more than the API (`logs`, `exec`,
    `port-forward`) reach the nodes through it.
    """

    def __init__(self, cluster: Any, user: str = "kubernetes-admin") -> None:
        self.cluster = cluster
        self.server = getattr(cluster, "server", cluster)
        self.clock: Clock = self.server.clock
        self.user = user
        self.namespace = "default"
        self.context = "kubecourse"
        self.warnings: list[str] = []

    # --- requests

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """One request; returns the answer's body."""
        request = rest.Request(method, path, query or {}, body, content_type, accept, self.user)
        response = rest.handle(self.server, request)
        self.warnings += response.warnings
        if response.code >= 400:
            raise _failure(response.body)
        return response.body

    @staticmethod
    def path(
        resource: Resource, namespace: str | None, name: str = "", subresource: str = ""
    ) -> str:
        """Where an object, or a collection, is served."""
        parts = ["/api" if not resource.group else "/apis", resource.api_version]
        if resource.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(resource.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)

    def get(
        self, resource: Resource, namespace: str | None, name: str, subresource: str = ""
    ) -> dict[str, Any]:
        """One object."""
        return self.request("GET", self.path(resource, namespace, name, subresource))

    def find(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """One object, or None where it is not there."""
        try:
            return self.get(resource, namespace, name)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def list(
        self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """All objects, of one namespace or (None) of every; each with its kind and apiVersion."""
        answer = self.request("GET", self.path(resource, namespace), _selection(labels, fields))
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
    ) -> dict[str, Any]:
        """What `kubectl get` shows, as a Table; with `whole_objects` each row has its object."""
        query = _selection(labels, fields)
        if whole_objects:
            query["includeObject"] = "Object"
        return self.request("GET", self.path(resource, namespace, name), query, accept=TABLE)

    def create(
        self,
        resource: Resource,
        namespace: str | None,
        obj: dict[str, Any],
        *,
        subresource: str = "",
        **options: Any,
    ) -> dict[str, Any]:
        """POST. Options: `dry_run` (bool), `validation` (Strict, Warn, Ignore), `field_manager`."""
        name = obj["metadata"]["name"] if subresource else ""
        path = self.path(resource, namespace, name, subresource)
        return self.request("POST", path, _options(options), obj)

    def replace(
        self,
        resource: Resource,
        namespace: str | None,
        obj: dict[str, Any],
        *,
        subresource: str = "",
        **options: Any,
    ) -> dict[str, Any]:
        """PUT; options as for `create`."""
        path = self.path(resource, namespace, obj["metadata"]["name"], subresource)
        return self.request("PUT", path, _options(options), obj)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        kind: str = "strategic",
        *,
        subresource: str = "",
        **options: Any,
    ) -> dict[str, Any]:
        """PATCH; `kind` is json, merge or strategic, options as for `create`."""
        path = self.path(resource, namespace, name, subresource)
        return self.request("PATCH", path, _options(options), patch, PATCHES[kind])

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        dry_run: bool = False,
        grace_period: int | None = None,
        propagation: str | None = None,
    ) -> dict[str, Any]:
        """DELETE; `propagation` is Background, Foreground or Orphan, `grace_period` in seconds."""
        body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period is not None:
            body["gracePeriodSeconds"] = grace_period
        if propagation:
            body["propagationPolicy"] = propagation
        if dry_run:
            body["dryRun"] = ["All"]
        return self.request("DELETE", self.path(resource, namespace, name), {}, body)

    # --- watching, and letting time pass

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        handler: Callable[[dict[str, Any]], None],
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
        query = _selection(labels, fields) | {"watch": "true"}
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        if after:
            query["resourceVersion"] = after
        path = self.path(resource, namespace)
        accept = TABLE if table else "application/json"
        request = rest.Request("GET", path, query, None, "", accept, self.user)
        return rest.watch(self.server, request, handler)

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Let virtual time pass until the condition holds; False if not in `timeout` seconds."""
        return self.clock.wait_for(condition, timeout)

    def settle(self, limit: float = WATCH_LIMIT) -> bool:
        """Let virtual time pass until nothing more is going to happen by itself."""
        return self.clock.settle(limit)

    @property
    def revision(self) -> str:
        """The cluster's present resourceVersion."""
        return str(self.server.etcd.revision)

    @property
    def now(self) -> float:
        """Virtual seconds since the cluster began."""
        return self.clock.now


def _selection(labels: str, fields: str) -> dict[str, str]:
    query = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in query.items() if value}


def _options(options: dict[str, Any]) -> dict[str, str]:
    query = {
        "dryRun": "All" if options.pop("dry_run", False) else "",
        "fieldValidation": options.pop("validation", ""),
        "fieldManager": options.pop("field_manager", ""),
    }
    if options:
        raise TypeError(f"no such option: {', '.join(options)}")
    return {key: value for key, value in query.items() if value}


def _failure(status: dict[str, Any]) -> ApiError:
    return ApiError(
        status.get("code", 500), status.get("reason", ""), status["message"], status.get("details")
    )
