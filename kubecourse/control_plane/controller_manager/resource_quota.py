"""Counts what the objects of a namespace use of its ResourceQuotas.

Admission adds to `status.used` when something is created. This controller copies new limits into
the status, and counts anew when something goes, and now and then in any case.
Source: `pkg/controller/resourcequota/{resource_quota_controller,resource_quota_monitor}.go`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kubecourse.api import models, quota
from kubecourse.api.pod_resources import Amounts, add
from kubecourse.api.quantity import ZERO, canonical
from kubecourse.api.resources import RESOURCES, Resource, resource_of
from kubecourse.client import Result
from kubecourse.client.informer import by_namespace, key_of
from kubecourse.control_plane.controller_manager.controller import WRITE_TIME, ManagedController

RESYNC = 300.0
"""Seconds after which everything is counted anew though nothing was heard."""
COUNTED = [r for r in RESOURCES if r.namespaced and r.kind not in ("Event", "Lease")]


class ResourceQuotaController(ManagedController):
    """Keeps the status of ResourceQuotas."""

    name = "resourcequota-controller"

    def listen(self) -> None:
        quotas = models.core_v1.ResourceQuota
        self.objects = self.follow(quotas, self._quota_changed, by_namespace)
        for resource in COUNTED:
            self.follow(resource.model, self._changed)

    def _quota_changed(self, old: Any, new: Any) -> None:
        if new is not None and (old is None or old.spec != new.spec or not new.status.hard):
            self.queue.add(key_of(new))

    def _changed(self, old: Any, new: Any) -> None:
        """Look at the quotas that an object no longer uses, or uses less of."""
        if old is None or not self.objects:
            return
        resource = resource_of(old)
        if new is not None and not _may_use_less(resource, old, new, self.clock.utc()):
            return
        for each in self.objects.indexed(by_namespace, old.metadata.namespace):
            if quota.matching(resource, each.spec.hard or ()):
                # What else goes meanwhile is counted together with it.
                self.queue.add_after(key_of(each), WRITE_TIME)

    def sync(self, each: Any) -> Result:
        hard = {name: canonical(text) for name, text in (each.spec.hard or {}).items()}
        used = quota.shown(self._count(each, hard))
        status = replace(each.status, hard=hard, used=used)
        if status != each.status:
            self.note(key_of(each), ", ".join(f"{name} {used[name]}/{hard[name]}" for name in used))
            self.client.update_status(replace(each, status=status))
        return Result(RESYNC, background=True)

    def _count(self, each: Any, hard: dict[str, str]) -> Amounts:
        total: Amounts = {}
        now = self.clock.utc()
        for resource in COUNTED:
            names = quota.matching(resource, hard)
            if not names:
                continue
            total |= dict.fromkeys(names, ZERO)
            # What the server has, not what was heard of it: admission has charged for all of that.
            for obj in self.client.list(resource.model, each.metadata.namespace):
                if quota.selects(each, resource, obj):
                    used = quota.usage(resource, obj, now)
                    add(total, {name: used[name] for name in names if name in used})
        return total


def _may_use_less(resource: Resource, old: Any, new: Any, now: Any) -> bool:
    match resource.kind:
        case "Pod":
            return quota.counts(old, now) and not quota.counts(new, now)
        case "Service" | "PersistentVolumeClaim":
            return old.spec is not new.spec and bool(old.spec != new.spec)
    return False
