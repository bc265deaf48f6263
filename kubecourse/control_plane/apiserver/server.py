"""The verbs: create, get, list, watch, update, patch, delete, one path for every kind.

What differs between kinds is in `strategy` (what a client may not set), `defaults`,
`validation` and `admission`. Source:
`staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go`,
`…/registry/rest/{create,update,delete}.go`.
"""

from __future__ import annotations

import builtins
import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from kubecourse.api import custom, errors, models, names
from kubecourse.api.fields import FieldSelector
from kubecourse.api.labels import Selector
from kubecourse.api.resources import RESOURCES, Resource
from kubecourse.api.versions import OLDER
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver import (
    admission,
    eviction,
    managed_fields,
    strategy,
    validation,
)
from kubecourse.control_plane.apiserver.defaults import default
from kubecourse.control_plane.apiserver.event_expiry import EventExpiry
from kubecourse.control_plane.apiserver.extensions import Extensions
from kubecourse.control_plane.apiserver.request import Options
from kubecourse.control_plane.apiserver.watch import Change, Dispatcher, Handler, Watch
from kubecourse.control_plane.etcd import Compacted, Etcd, EtcdMember, KeyValue, Stopped

ObjectMeta = models.meta_v1.ObjectMeta

SERVED = (*RESOURCES, *OLDER)
"""What every cluster serves."""
MAX_NAME_PREFIX = 58
OWN = "kube-apiserver"
"""Who manages what the server itself writes."""
"""A generated name is at most 63 characters, five of them random."""


class APIServer:
    """Serves one cluster's objects out of etcd, where there are several through one of its members.

    `stream` names its source of randomness.

    Objects go in and come out as shared, immutable structs. Every method raises ApiError where
    the real server answers with a failure Status. Writes name their `manager`, who becomes the
    owner of what they change; without one, nobody does.
    """

    def __init__(
        self, clock: Clock, etcd: Etcd | EtcdMember, stream: str = "kube-apiserver"
    ) -> None:
        self.clock = clock
        self.etcd: Etcd | EtcdMember | Stopped = etcd
        self.extensions = Extensions()
        self._rng = clock.rng(stream)
        self._apart = clock.rng(f"{stream}/deprecated")
        self._dispatchers: dict[str, Dispatcher] = {}
        etcd.stamp_with(_stamped)
        etcd.keep_times(clock)
        for resource in RESOURCES:
            self._dispatcher(resource.prefix, etcd)
        EventExpiry(clock, self, etcd)

    def _dispatcher(self, prefix: str, etcd: Any) -> Dispatcher:
        """Who tells of a resource's changes."""
        if prefix not in self._dispatchers:
            dispatcher = self._dispatchers[prefix] = Dispatcher()
            etcd.watch(prefix, dispatcher.dispatch)
        return self._dispatchers[prefix]

    @property
    def resources(self) -> Sequence[Resource]:
        """What is served now: Kubernetes' own kinds, and those that definitions add."""
        defined = self.etcd.cached(custom.DEFINITIONS.prefix)
        if not defined:
            return SERVED
        return (*SERVED, *(each for d in defined.values() for each in custom.resources_of(d)))

    def custom(self, group: str, version: str, plural: str) -> Resource | None:
        """A kind that a definition adds."""
        key = custom.DEFINITIONS.key(None, f"{plural}.{group}")
        definition = self.etcd.cached(custom.DEFINITIONS.prefix).get(key)
        found = custom.resources_of(definition) if definition is not None else ()
        return next((each for each in found if each.version == version), None)

    @property
    def server(self) -> APIServer:
        """Itself: a client that holds one needs no connection to get there."""
        return self

    # --- reading

    def get(self, resource: Resource, namespace: str | None, name: str) -> Any:
        """One object. Raises NotFound."""
        return self._stored(resource, namespace, name).value

    def find(self, resource: Resource, namespace: str | None, name: str) -> Any | None:
        """One object, or None."""
        found = self.etcd.get(resource.key(namespace, name))
        return found.value if found else None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> builtins.list[Any]:
        """All objects, or one namespace's, that the selectors match, by namespace and name."""
        prefix = (
            f"{resource.prefix}{namespace}/"
            if namespace and resource.namespaced
            else resource.prefix
        )
        found = [kv.value for kv in self.etcd.range(prefix)]
        if labels is not None:
            found = [obj for obj in found if labels.matches(obj.metadata.labels)]
        if fields is not None:
            matches = strategy.field_filter(resource, fields)
            found = [obj for obj in found if matches(obj)]
        return found

    def watch(
        self,
        resource: Resource,
        handler: Handler,
        *,
        namespace: str | None = None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
        after: int | None = None,
        kind: type[Watch] = Watch,
    ) -> Watch:
        """Stream changes after a revision; without one, first everything there is as ADDED.

        Raises Expired where the history since `after` has been compacted.
        """
        dispatcher = self._dispatcher(resource.prefix, self.etcd)
        matches = strategy.field_filter(resource, fields) if fields is not None else None
        node = fields.exact.get("spec.nodeName") if fields is not None else None
        watch = kind(self.clock, dispatcher, handler, namespace, labels, matches, node)
        if after is None:
            for obj in self.etcd.cached(resource.prefix).values():
                if watch.selects(obj):
                    watch.send(Change("ADDED", obj))
        else:
            try:
                for event in self.etcd.history(resource.prefix, after):
                    watch.offer(event.old, event.new)
            except Compacted as error:
                raise errors.expired(after, error.oldest) from None
        dispatcher.add(watch, after if after and after > self.etcd.revision else 0)
        return watch

    # --- creating

    def create(
        self, resource: Resource, obj: Any, options: Options | None = None, manager: str = ""
    ) -> Any:
        """Store a new object and return it as stored.

        Raises AlreadyExists, Invalid, Forbidden, or NotFound for its namespace.
        """
        options = options or Options(manager)
        requested = default(self._named(resource, obj, options.manager))
        obj = admission.admit(self, "CREATE", resource, requested, None, options)
        obj = strategy.allocate(self, resource, obj, None, options.dry_run)
        obj = strategy.prepare_for_create(resource, obj)
        problems = validation.validate(resource, obj)
        if problems:
            raise errors.invalid_object(resource.kind, resource.group, obj.metadata.name, problems)
        for text in (*validation.of_new(resource, obj), *validation.warnings(resource, obj)):
            options.warn(text)
        admission.check(self, "CREATE", resource, obj, None, options)
        key = resource.key(obj.metadata.namespace, obj.metadata.name)
        existing = self.etcd.get(key)
        if existing is not None:
            deleting = existing.value.metadata.deletionTimestamp is not None
            raise errors.already_exists(
                resource.plural, resource.group, obj.metadata.name, deleting
            )
        if options.dry_run:
            return self._unstored(obj, None, requested, "", options)
        if obj.metadata.resourceVersion:
            why = "resourceVersion should not be set on objects to be created"
            raise errors.ApiError(500, "", why)
        return self._put(resource, obj, None, managed_fields.note(options, requested, obj))

    def _named(self, resource: Resource, obj: Any, manager: str) -> Any:
        """The object with what the system fills in: name, uid, creation time, generation."""
        given = obj.metadata or ObjectMeta()
        name = given.name
        if not name and given.generateName:
            name = self._unused_name(resource, given)
        metadata = replace(
            given,
            name=name,
            uid=self._uid(resource.since or manager == OWN),
            creationTimestamp=self.clock.utc(),
            generation=1 if strategy.counts_generations(resource) else None,
            deletionTimestamp=None,
            deletionGracePeriodSeconds=None,
            selfLink=None,
            managedFields=None,
        )
        return replace(obj, metadata=metadata)

    def _unused_name(self, resource: Resource, given: ObjectMeta) -> str:
        """A generated name; drawn again, up to eight times, while it is taken."""
        for _ in range(8):
            name = (given.generateName or "")[:MAX_NAME_PREFIX] + names.random_suffix(self._rng)
            if self.etcd.get(resource.key(given.namespace, name)) is None:
                break
        return name

    def _uid(self, apart: object) -> str:
        """A new identity. What is deprecated, or the server's own, is drawn apart.

        So one seed gives one history, with it and without it.
        """
        digits = f"{(self._apart if apart else self._rng).getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )

    # --- changing

    def update(
        self,
        resource: Resource,
        obj: Any,
        subresource: str = "",
        options: Options | None = None,
        manager: str = "",
    ) -> Any:
        """Replace an object, or with a subresource (`status`, `finalize`) that part of it.

        Returns it as stored.

        With a resourceVersion it must be the stored one. An update that changes nothing is not
        written. Raises NotFound, Conflict, Invalid, Forbidden.
        """
        options = options or Options(manager)
        metadata = obj.metadata
        stored = self._stored(resource, metadata.namespace, metadata.name)
        old = stored.value
        self._check_preconditions(resource, old, metadata.resourceVersion, metadata.uid)
        if subresource in ("status", "approval"):
            new = strategy.prepare_status_update(resource, obj, old)
        elif subresource == "finalize":
            new = strategy.prepare_finalize(resource, obj, old)
        else:
            new = self._prepare_update(resource, obj, old)
        requested = new
        new = admission.admit(self, "UPDATE", resource, new, old, options)
        if not subresource:
            new = strategy.allocate(self, resource, new, old, options.dry_run)
        problems = validation.validate_update(resource, new, old, subresource)
        if problems:
            raise errors.invalid_object(resource.kind, resource.group, metadata.name, problems)
        if not subresource:
            for text in validation.warnings(resource, new):
                options.warn(text)
        admission.check(self, "UPDATE", resource, new, old, options)
        if metadata.managedFields and not subresource and options.owners is None:
            given = metadata.managedFields
            owners = managed_fields.overridden(self, given, old, requested, options.manager)
            options = dataclasses.replace(options, owners=owners)
        return self._store_update(resource, new, stored, requested, subresource, options)

    def _prepare_update(self, resource: Resource, obj: Any, old: Any) -> Any:
        if obj.metadata is old.metadata:
            new = obj
        else:
            new = replace(obj, metadata=_keep_system_fields(obj.metadata, old.metadata))
        new = default(strategy.prepare_for_update(resource, new, old))
        if strategy.counts_generations(resource) and strategy.spec_changed(resource, new, old):
            generation = (old.metadata.generation or 0) + 1
            new = replace(new, metadata=replace(new.metadata, generation=generation))
        return new

    def _store_update(
        self,
        resource: Resource,
        new: Any,
        stored: KeyValue,
        requested: Any,
        subresource: str,
        options: Options,
    ) -> Any:
        old = stored.value
        if new == old and not managed_fields.change_hands(self, old, options.owners):
            return old
        if options.dry_run:
            return self._unstored(new, old, requested, subresource, options)
        if strategy.is_finished(resource, new):
            return self._delete(resource, new, stored)
        # A write through a subresource asks for no more than what it changes.
        changed = new if subresource else requested
        note = managed_fields.note(options, changed, new, subresource)
        return self._put(resource, new, stored, note)

    def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        config: dict[str, Any],
        subresource: str = "",
        options: Options | None = None,
    ) -> tuple[Any, bool]:
        """Server-side apply, for `options.manager`. Returns the object, and whether it is new.

        Raises what `create` and `update` raise, and Conflict where others manage what would
        change, unless `options.force`.
        """
        options = options or Options()
        live = self.find(resource, namespace, name)
        if live is None and subresource:
            raise errors.not_found(resource.plural, resource.group, name)
        obj, owners = managed_fields.applied(self, resource, live, config, subresource, options)
        metadata = obj.metadata
        if live is None and metadata.uid:
            why = (
                f"uid mismatch: the provided object specified uid {metadata.uid}, "
                "and no existing object was found"
            )
            raise errors.conflict(resource.plural, resource.group, name, why)
        if resource.namespaced and not metadata.namespace:
            obj = replace(obj, metadata=replace(metadata, namespace=namespace))
        check_identity(obj, name, namespace)
        options = dataclasses.replace(options, owners=owners)
        if live is None:
            return self.create(resource, obj, options), True
        return self.update(resource, obj, subresource, options), False

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        change: Callable[[Any], Any],
        subresource: str = "",
        options: Options | None = None,
    ) -> Any:
        """Read an object, pass it through `change`, store what that returns."""
        return self.update(
            resource, change(self.get(resource, namespace, name)), subresource, options
        )

    def bind(self, namespace: str, name: str, node: str, seen: ObjectMeta | None = None) -> None:
        """Assign a pod to a node, once. `seen` is whom its sender meant. Raises NotFound, Conflict.

        Source: `pkg/registry/core/pod/storage/storage.go` (assignPod).
        """
        resource = strategy.PODS
        stored = self._stored(resource, namespace, name)
        pod = stored.value
        if seen is not None:
            self._check_preconditions(resource, pod, seen.resourceVersion, seen.uid)
        if pod.metadata.deletionTimestamp is not None:
            why = f"pod {name} is being deleted, cannot be assigned to a host"
            raise errors.conflict("pods/binding", "", name, why)
        if pod.spec.nodeName:
            why = f'pod {name} is already assigned to node "{pod.spec.nodeName}"'
            raise errors.conflict("pods/binding", "", name, why)
        if pod.spec.schedulingGates:
            why = f"pod {name} has non-empty .spec.schedulingGates"
            raise errors.conflict("pods/binding", "", name, why)
        self._put(resource, strategy.bound(pod, node, self.clock.utc()), stored)

    # --- deleting

    def delete(
        self, resource: Resource, namespace: str | None, name: str, options: Options | None = None
    ) -> tuple[Any, bool]:
        """Delete an object, or begin to. Returns its last state and whether it is gone.

        It stays, terminating, while it has a grace period to run or finalizers.
        Raises NotFound, Conflict (preconditions), Forbidden.
        """
        options = options or Options()
        stored = self._stored(resource, namespace, name)
        old = stored.value
        self._check_preconditions(
            resource, old, options.resource_version, options.uid, deleting=True
        )
        admission.check(self, "DELETE", resource, None, old, options)
        grace = strategy.grace_period(resource, old, options.grace_period)
        finalizers = strategy.finalizers_for_deletion(old, options.propagation)
        new = self._terminating(resource, old, grace, finalizers)
        gone = strategy.is_finished(resource, new)
        if options.dry_run:
            return new, gone
        if gone:
            return self._delete(resource, new, stored), True
        if new != old:
            new = self._put(resource, new, stored)
        if resource is custom.DEFINITIONS:
            return new, self._forget(new)
        return new, False

    def _forget(self, definition: Any) -> bool:
        """Delete all that a definition that is going describes, then itself; whether it is gone."""
        for resource in custom.resources_of(definition)[:1]:
            for obj in self.list(resource):
                if obj.metadata.deletionTimestamp is None:  # each may be gone with one before it
                    with errors.ignoring("NotFound"):
                        self.delete(resource, obj.metadata.namespace, obj.metadata.name)
            if self.list(resource):
                return False
        name = definition.metadata.name
        definition = self.find(custom.DEFINITIONS, None, name)
        if definition is None:
            return True  # it went with the last of them
        metadata = definition.metadata
        left = [name for name in metadata.finalizers or () if name != custom.CLEANUP]
        freed = replace(definition, metadata=replace(metadata, finalizers=left or None))
        if freed != definition:
            self.update(custom.DEFINITIONS, freed)
        return not left

    def remove(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
    ) -> Any:
        """`delete`, with its options named; returns the object's last state."""
        options = Options(grace_period=grace_period, propagation=propagation, uid=uid)
        return self.delete(resource, namespace, name, options)[0]

    def evict(self, namespace: str, name: str, options: Options | None = None) -> Any:
        """Delete a pod unless a disruption budget forbids it. See `eviction.evict`."""
        return eviction.evict(self, namespace, name, options or Options())

    def _terminating(
        self, resource: Resource, old: Any, grace: int, finalizers: builtins.list[str]
    ) -> Any:
        metadata = old.metadata
        changes: dict[str, Any] = {}
        if finalizers != (metadata.finalizers or []):
            changes["finalizers"] = finalizers or None
        first = metadata.deletionTimestamp is None
        if first or grace < (metadata.deletionGracePeriodSeconds or 0):
            changes["deletionTimestamp"] = self.clock.utc() + timedelta(seconds=grace)
            changes["deletionGracePeriodSeconds"] = grace
            if first and metadata.generation:
                changes["generation"] = metadata.generation + 1
        new = replace(old, metadata=replace(metadata, **changes)) if changes else old
        return strategy.begin_deletion(resource, new)

    # --- storing

    def _stored(self, resource: Resource, namespace: str | None, name: str) -> KeyValue:
        found = self.etcd.get(resource.key(namespace, name))
        if found is None:
            raise errors.not_found(resource.plural, resource.group, name)
        return found

    def _put(self, resource: Resource, obj: Any, stored: KeyValue | None, note: Any = None) -> Any:
        """Store an object in place of what was read, and return it with its resourceVersion."""
        key = resource.key(obj.metadata.namespace, obj.metadata.name)
        revision = self.etcd.put(key, obj, stored.mod_revision if stored else 0, note)
        change = self.etcd.change(revision) if revision else None
        if change is None:
            raise _overtaken(resource, obj, stored)
        return change.new

    def _delete(self, resource: Resource, last: Any, stored: KeyValue) -> Any:
        """Remove an object; watchers see its last state under the revision of its deletion."""
        key = resource.key(last.metadata.namespace, last.metadata.name)
        note = managed_fields.Write(previous=stored.mod_revision)
        if not self.etcd.delete(key, stored.mod_revision, last, note):
            raise _overtaken(resource, last, stored)
        if resource.custom:
            definition = self.find(custom.DEFINITIONS, None, resource.qualified)
            if definition is not None and definition.metadata.deletionTimestamp is not None:
                self._forget(definition)
        return last

    def _unstored(
        self, new: Any, old: Any, requested: Any, subresource: str, options: Options
    ) -> Any:
        """What a dry run answers, with the managed fields that a write would leave."""
        owners = options.owners
        if owners is None:
            before = managed_fields.of(self, old) if old is not None else {}
            now = self.clock.utc()
            owners = managed_fields.updated(
                before, old, requested, options.manager, subresource, now
            )
        return managed_fields.with_owners(new, owners)

    def _check_preconditions(
        self,
        resource: Resource,
        old: Any,
        version: str | None,
        uid: str | None,
        deleting: bool = False,
    ) -> None:
        stored = old.metadata
        if deleting:
            return self._check_deletion(resource, stored, version, uid)
        if uid and uid != stored.uid:
            key = resource.key(stored.namespace, stored.name)
            why = (
                f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, "
                f"UID in object meta: {stored.uid}"
            )
            raise errors.conflict(resource.plural, resource.group, stored.name, why)
        if version and version != "0" and version != stored.resourceVersion:
            raise errors.conflict(resource.plural, resource.group, stored.name)

    def _check_deletion(
        self, resource: Resource, stored: ObjectMeta, version: str | None, uid: str | None
    ) -> None:
        """A deletion may insist on the object that its sender saw (rest.BeforeDelete)."""
        for part, asked, known, hint in (
            ("UID", uid, stored.uid, "The object might have been deleted and then recreated"),
            (
                "ResourceVersion",
                version,
                stored.resourceVersion,
                "The object might have been modified",
            ),
        ):
            if asked and asked != known:
                why = (
                    f"the {part} in the precondition ({asked}) does not match "
                    f"the {part} in record ({known}). {hint}"
                )
                raise errors.conflict(resource.kind, resource.group, stored.name or "", why)


def _stamped(obj: Any, revision: int) -> Any:
    """An object with its resourceVersion."""
    return replace(obj, metadata=replace(obj.metadata, resourceVersion=str(revision)))


def _overtaken(resource: Resource, obj: Any, stored: KeyValue | None) -> errors.ApiError:
    """Another write, whose answer is still on its way, came between reading and writing."""
    error = errors.conflict if stored else errors.already_exists
    return error(resource.plural, resource.group, obj.metadata.name)


def check_identity(obj: Any, name: str, namespace: str | None) -> None:
    """An object must be that of the path. Raises BadRequest."""
    metadata = obj.metadata or ObjectMeta()
    if metadata.namespace and metadata.namespace != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not metadata.name:
        raise errors.bad_request("name must be provided")
    if metadata.name != name:
        raise errors.bad_request(
            f"the name of the object ({metadata.name}) does not match the name on the URL ({name})"
        )


def _keep_system_fields(new: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """Metadata of an update: what only the system sets stays as it was."""
    return replace(
        new,
        uid=old.uid,
        creationTimestamp=old.creationTimestamp,
        deletionTimestamp=old.deletionTimestamp,
        deletionGracePeriodSeconds=old.deletionGracePeriodSeconds,
        generation=old.generation,
        generateName=old.generateName if new.generateName is None else new.generateName,
        resourceVersion=old.resourceVersion,
        selfLink=None,
        managedFields=None,
    )
