"""The verbs of the REST interface: from a call to an HTTP code and an answer.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers`, one file for each verb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubecourse.api import errors, models, versions
from kubecourse.control_plane.apiserver import (
    body,
    managed_fields,
    paging,
    patching,
    representation,
    reviews,
    scale,
)
from kubecourse.control_plane.apiserver.call import Call
from kubecourse.control_plane.apiserver.pod_access import PodAccess
from kubecourse.control_plane.apiserver.watch import Change, Watch

Answer = tuple[int, Any]
Verb = Callable[[Call], Answer]

INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
RETURNED_WHEN_DELETED = {
    "PersistentVolume", "PersistentVolumeClaim", "Pod", "ResourceQuota", "Service",
    "ServiceAccount", "StorageClass",
}  # fmt: skip
"""Kinds whose deletion answers with the object, others with a Status (ReturnDeletedObject)."""


def _success(**more: Any) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", **more}


# --- objects and collections


def _list(call: Call) -> Answer:
    call.query.check_list()
    if call.query.flag("watch"):
        events: list[dict[str, Any]] = []
        stream = open_watch(call, events.append)
        stream.flush()
        stream.stop()
        return 200, events
    return 200, call.show_all(*paging.page(call))


def _get(call: Call) -> Answer:
    return 200, call.show(call.server.get(*call.target.place))


def _create(call: Call) -> Answer:
    options = call.options("CreateOptions")
    obj = call.read_here(options)
    return 201, call.show(call.server.create(call.target.resource, obj, options))


def _update(call: Call) -> Answer:
    options = call.options("UpdateOptions")
    obj = call.read_here(options)
    if not obj.metadata.name:
        why = "name must be provided"
        raise errors.bad_request(
            f"the name of the object ({call.target.name} based on URL) was undeterminable: {why}"
        )
    call.check_name(obj.metadata.name)
    target = call.target
    return 200, call.show(call.server.update(target.resource, obj, target.subresource, options))


def _patch(call: Call) -> Answer:
    target, applying = call.target, patching.applies(call.request)
    if applying:
        options = call.options("PatchOptions", applying)
        config = patching.read_config(call.request, options)
        resource, config = versions.applied(target.resource, config)
        place = (resource, target.namespace, target.name)
        obj, new = call.server.apply(*place, config, target.subresource, options)
        return 201 if new else 200, call.show(obj)
    patch = patching.read(call.request, target.resource.custom)
    options = call.options("PatchOptions")
    change = patching.Change(target.resource, patch, options, call.server)
    return 200, call.show(call.server.patch(*target.place, change, target.subresource, options))


def _delete(call: Call) -> Answer:
    options = call.deletion(body.read_options(call.request))
    resource = call.target.resource
    obj, gone = call.server.delete(*call.target.place, options)
    if not gone or resource.kind in RETURNED_WHEN_DELETED:
        return 200, managed_fields.show(call.server, obj)
    metadata = obj.metadata
    details = {"name": metadata.name, "group": resource.group, "kind": resource.plural}
    details = {key: value for key, value in details.items() if value}
    return 200, _success(details={**details, "uid": metadata.uid})


def _delete_collection(call: Call) -> Answer:
    if "deletecollection" not in call.target.resource.verbs:
        raise errors.method_not_allowed()
    call.query.check_list()
    found = call.selected()
    options = call.deletion(body.read_options(call.request))
    for obj in found:
        metadata = obj.metadata
        call.server.delete(call.target.resource, metadata.namespace, metadata.name, options)
    return 200, call.show_all(found, {"resourceVersion": str(call.server.etcd.revision)})


# --- subresources


def _get_scale(call: Call) -> Answer:
    return 200, scale.show(call.server.get(*call.target.place))


def _update_scale(call: Call) -> Answer:
    options = call.options("UpdateOptions")
    wanted = call.read(scale.SCALE, options)
    if wanted.metadata is not None and wanted.metadata.name is not None:
        call.check_name(wanted.metadata.name)
    change = scale.Resize(call.target.resource, wanted)
    return 200, scale.show(call.server.patch(*call.target.place, change, "scale", options))


def _patch_scale(call: Call) -> Answer:
    patch = patching.read(call.request)
    options = call.options("PatchOptions")
    change = patching.Change(scale.SCALE, patch, options)
    current = scale.of(call.server.get(*call.target.place))
    resize = scale.Resize(call.target.resource, change(current))
    return 200, scale.show(call.server.patch(*call.target.place, resize, "scale", options))


def _bind(call: Call) -> Answer:
    options = call.options("CreateOptions")
    binding = body.read(call.request, "Binding")
    metadata, node = binding.get("metadata") or {}, binding.get("target") or {}
    if metadata.get("name") != call.target.name:
        raise errors.bad_request("name in URL does not match name in Binding object")
    problems = []
    if node.get("kind") not in (None, "", "Node"):
        problems.append(errors.not_supported("target.kind", node["kind"], ["Node", "<empty>"]))
    if not node.get("name"):
        problems.append(errors.required("target.name"))
    if problems:
        said = ", ".join(map(str, problems))
        raise errors.ApiError(500, "", f"[{said}]" if len(problems) > 1 else said)
    if not options.dry_run:
        seen = models.meta_v1.ObjectMeta(
            uid=metadata.get("uid"), resourceVersion=metadata.get("resourceVersion")
        )
        place = call.target.namespace or "", call.target.name
        call.server.bind(*place, node["name"], seen)
    return 201, _success(code=201)


def _evict(call: Call) -> Answer:
    eviction = body.read(call.request, "Eviction")
    if (eviction.get("metadata") or {}).get("name") != call.target.name:
        raise errors.bad_request("name in URL does not match name in Eviction object")
    options = call.deletion(eviction.get("deleteOptions") or {})
    call.server.evict(call.target.namespace or "", call.target.name, options)
    return 201, _success(code=201)


def _log(call: Call) -> Answer:
    """What the server says itself: who serves a cluster knows kubelets, and asks them first."""
    access = PodAccess(call.server, call.server.get(*call.target.place), {})
    access.logged(access.container(call.query.get("container")), call.query.flag("previous"))
    return 200, ""


VERBS: dict[tuple[str, bool], Verb] = {
    ("GET", False): _list,
    ("POST", False): _create,
    ("DELETE", False): _delete_collection,
    ("GET", True): _get,
    ("PUT", True): _update,
    ("PATCH", True): _patch,
    ("DELETE", True): _delete,
}
"""By HTTP method, and whether the path names an object or a collection."""

SUBRESOURCES: dict[tuple[str, str], Verb] = {
    ("status", "GET"): _get,
    ("status", "PUT"): _update,
    ("status", "PATCH"): _patch,
    ("approval", "GET"): _get,
    ("approval", "PUT"): _update,
    ("approval", "PATCH"): _patch,
    ("finalize", "PUT"): _update,
    ("scale", "GET"): _get_scale,
    ("scale", "PUT"): _update_scale,
    ("scale", "PATCH"): _patch_scale,
    ("binding", "POST"): _bind,
    ("eviction", "POST"): _evict,
    ("log", "GET"): _log,
    ("token", "POST"): reviews.issue_token,
}
"""By subresource and HTTP method."""


# --- watching


class _Sender:
    """Turns a watch's changes into events as the client asked for them."""

    __slots__ = ("form", "send")

    def __init__(self, form: representation.Events, send: Callable[[dict[str, Any]], None]) -> None:
        self.form = form
        self.send = send

    def __call__(self, changes: list[Change]) -> None:
        for change in changes:
            self.send(self.form.event(change.type, change.object))


def open_watch(call: Call, send: Callable[[dict[str, Any]], None]) -> Watch:
    """Stream events about a collection to `send`. Raises ApiError."""
    return open_stream(call, _Sender(events(call), send), Watch)


def events(call: Call) -> representation.Events:
    """What turns changes into events as the client of a watch asked for them."""
    return representation.Events(call.server, call.target.resource, call.request.accept, call.query)


def open_stream(call: Call, handler: Callable[[list[Change]], None], kind: type[Watch]) -> Watch:
    """Stream the changes of a collection to a handler. Raises ApiError."""
    server, target, query = call.server, call.target, call.query
    query.check_list(watching=True)
    initially, after = query.initial_events(), query.version() or None
    if initially:
        after = None
    elif initially is not None and after is None:
        after = server.etcd.revision
    stream = server.watch(
        target.resource,
        handler,
        namespace=target.namespace,
        labels=query.labels(),
        fields=query.fields(),
        after=after,
        kind=kind,
    )
    if initially:
        end = models.meta_v1.ObjectMeta(
            resourceVersion=str(server.etcd.revision), annotations=INITIAL_EVENTS_END
        )
        stream.send(Change("BOOKMARK", end))
    return stream
