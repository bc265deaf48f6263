"""What would exceed a ResourceQuota of its namespace is refused; the rest is charged at once.

Source: `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec.structs import replace

from kubecourse.api import quota
from kubecourse.api.pod_resources import Amounts
from kubecourse.api.quantity import ZERO, format_resources, parse_quantity
from kubecourse.api.resources import BY_PLURAL
from kubecourse.control_plane.apiserver.admission.attempt import Attempt

QUOTAS = BY_PLURAL["", "v1", "resourcequotas"]


def check(attempt: Attempt) -> None:
    """Refuse, or add to the `status.used` of every quota that counts the object."""
    server, resource, new, old = attempt.server, attempt.resource, attempt.new, attempt.old
    if not resource.namespaced or not server.etcd.count(QUOTAS.prefix) or attempt.keeps_spec:
        return
    found = server.list(QUOTAS, new.metadata.namespace)
    concerned = [each for each in found if _counts(each, attempt)]
    used = quota.usage(resource, new, server.clock.utc())
    if old is not None:
        used = _increase(used, quota.usage(resource, old, server.clock.utc()))
    used = {name: amount for name, amount in used.items() if not amount.is_zero}
    if not used:
        return
    charged = [_charge(each, attempt, used) for each in concerned]
    if not attempt.options.dry_run:
        for each in charged:
            server.update(QUOTAS, each, "status", manager="kube-apiserver")


def _counts(each: Any, attempt: Attempt) -> bool:
    """Whether a quota counts an object. Raises Forbidden where it cannot tell how much it uses."""
    resource, obj = attempt.resource, attempt.new
    hard = each.status.hard or {}
    names = quota.matching(resource, hard)
    if not names or not quota.selects(each, resource, obj):
        return False
    name = each.metadata.name
    unsaid = quota.unsaid(obj.spec, names) if resource.kind == "Pod" else ""
    if unsaid:
        raise attempt.forbidden(f"failed quota: {name}: must specify {unsaid}")
    if not has_usage_stats(hard, each.status.used or {}, names):
        why = f"status unknown for quota: {name}, resources: {','.join(names)}"
        raise attempt.forbidden(why)
    return True


def has_usage_stats(
    hard: Mapping[str, str], used: Mapping[str, str], relevant: Collection[str]
) -> bool:
    """Whether it is known how much is used of everything relevant that a quota limits."""
    return all(name in used for name in hard if name in relevant)


def _increase(now: Amounts, before: Amounts) -> Amounts:
    """What a changed object uses more than it did; a decrease is the controller's to notice."""
    return {n: a - before.get(n, ZERO) for n, a in now.items() if a > before.get(n, ZERO)}


def _charge(each: Any, attempt: Attempt, used: Amounts) -> Any:
    """The quota with an object's usage added. Raises Forbidden where that is too much."""
    status = each.status
    asked = {name: str(amount) for name, amount in used.items() if name in (status.hard or {})}
    total = dict(status.used or {})
    exceeded = []
    for name in sorted(asked):
        sum = parse_quantity(total.get(name, "0")) + used[name]
        total[name] = str(sum)
        if sum > parse_quantity(status.hard[name]):
            exceeded.append(name)
    if exceeded:
        columns = (("requested", asked), ("used", status.used), ("limited", status.hard))
        texts = [
            f"{title}: {format_resources({name: values[name] for name in exceeded})}"
            for title, values in columns
        ]
        why = f"exceeded quota: {each.metadata.name}, {', '.join(texts)}"
        raise attempt.forbidden(why)
    return replace(each, status=replace(status, used=total))
