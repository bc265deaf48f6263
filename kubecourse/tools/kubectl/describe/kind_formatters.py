"""How what stands around pods is worded: jobs, autoscalers, quotas, access, networks, storage."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from datetime import datetime
from itertools import product

from kubecourse.api.duration import human_duration
from kubecourse.api.patch.values import go_text
from kubecourse.api.quantity import Quantity, parse_quantity
from kubecourse.tools.kubectl.describe.formatters import NONE, UNKNOWN, UNSET, Json, label_selector
from kubecourse.tools.kubectl.describe.layout import FORMATTERS, LAYOUTS, at, formatter

# --- what makes pods


@formatter
def job_duration(status: Json | None) -> str:
    """From its start to its completion."""
    start, end = at(status, "startTime"), at(status, "completionTime")
    if not start or not end:
        return ""
    return human_duration(
        (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    )


@formatter
def job_pods(status: Json | None) -> str:
    """How many pods are active, have succeeded, have failed."""
    active, succeeded, failed = (at(status, key, 0) for key in ("active", "succeeded", "failed"))
    ready = at(status, "ready")
    shown = f"{active} Active" if ready is None else f"{active} Active ({ready} Ready)"
    return f"{shown} / {succeeded} Succeeded / {failed} Failed"


@formatter
def completed_indexes(job: Json) -> str:
    """Those of an indexed job, cut behind the fiftieth character."""
    if at(job, "spec.completionMode") != "Indexed":
        return ""
    indexes = at(job, "status.completedIndexes", "")
    end = indexes.find(",", 50)
    return (indexes if end < 0 else f"{indexes[: end + 1]}...") or NONE


@formatter
def metrics(autoscaler: Json) -> list[Json]:
    """Each metric: how it is and how it should be."""
    current = at(autoscaler, "status.currentMetrics", [])
    found = []
    for index, metric in enumerate(at(autoscaler, "spec.metrics", [])):
        key = metric["type"][:1].lower() + metric["type"][1:]
        now = at(current[index], f"{key}.current") if index < len(current) else None
        name, value = _metric(key, metric[key], now)
        found.append({"name": name, "value": value})
    return found


def _metric(kind: str, source: Json, now: Json | None) -> tuple[str, str]:
    target, name = source.get("target") or {}, source.get("name") or at(source, "metric.name", "")
    average = "averageValue" in target
    value = "averageValue" if average else "value"
    shown = f"{at(now, value, UNKNOWN)} / {target.get(value, '<nil>')}"
    if kind in ("resource", "containerResource"):
        of = f' of container "{source["container"]}"' if kind != "resource" else ""
        title = f"resource {name}{of} on pods"
        if average:
            return title, shown
        used = at(now, "averageUtilization")
        is_now = UNKNOWN if used is None else f"{used}% ({at(now, 'averageValue', '0')})"
        wanted = target.get("averageUtilization")
        goal = "<auto>" if wanted is None else f"{wanted}%"
        return f"{title}  (as a percentage of request)", f"{is_now} / {goal}"
    where = {"pods": " on pods", "external": ""}.get(kind)
    if where is None:
        where = f" on {source['describedObject']['kind']}/{source['describedObject']['name']}"
    aim = "" if kind == "pods" else f" (target {'average ' if average else ''}value)"
    return f'"{name}"{where}{aim}', shown


# --- quotas and limits

_LIMITS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


@formatter
def uses(quota: Json) -> list[Json]:
    """What is allowed and what is used; `alike` is that in the words of what is allowed."""
    hard, used = at(quota, "status.hard", {}), at(quota, "status.used", {})
    rows = []
    for name in sorted(hard):
        limit, taken = parse_quantity(hard[name]), parse_quantity(used.get(name, "0"))
        alike = Quantity(taken.nano, limit.format)
        rows.append({"name": name, "hard": str(limit), "used": str(taken), "alike": str(alike)})
    return rows


@formatter
def limit_rows(limit_range: Json) -> list[Json]:
    """One row for each resource; Go's order is that of a map, which is none: ours is by name."""
    rows = []
    for item in at(limit_range, "spec.limits", []):
        for name in sorted({name for key in _LIMITS for name in item.get(key) or {}}):
            values = {key: (item.get(key) or {}).get(name, "-") for key in _LIMITS}
            rows.append({"type": item.get("type", ""), "name": name, **values})
    return rows


FORMATTERS.update(
    sorted=lambda names: ", ".join(sorted(names or ())),
    scopes=lambda names: [
        LAYOUTS[key] for name in sorted(names or ()) if (key := f"scope/{name}") in LAYOUTS
    ],
)

# --- configuration and access


@formatter
def secret_values(secret: Json) -> list[Json]:
    """How large a Secret's values are; a token is shown."""
    found = []
    for key, text in sorted((secret.get("data") or {}).items()):
        value = b64decode(text)
        is_token = key == "token" and secret.get("type") == "kubernetes.io/service-account-token"
        shown = value.decode(errors="replace") if is_token else f"{len(value)} bytes"
        found.append({"name": key, "value": shown})
    return found


_RULE = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
_GO_RULE = ("Verbs", "APIGroups", "Resources", "ResourceNames", "NonResourceURLs")


@formatter
def rules(rules: list[Json] | None) -> list[Json]:
    """What a role allows, for each resource all its verbs; kubectl sorts rules as text.

    Source: `staging/src/k8s.io/kubectl/pkg/util/rbac/rbac.go` (BreakdownRule, CompactRules).
    """
    by_place: dict[tuple[str, str, str], list[str]] = {}
    found: list[tuple[list[str], ...]] = []
    for rule in rules or ():
        verbs, groups, resources, names, urls = (rule.get(key) or [] for key in _RULE)
        for place in product(groups, resources, names or [""]):
            by_place.setdefault(place, []).extend(verbs)
        found += [([verb], [], [], [], [url]) for url in urls for verb in verbs]
    for (group, resource, name), verbs in by_place.items():
        found.append((verbs, [group], [resource], [name] if name else [], []))
    rows = []
    for verbs, groups, resources, names, urls in sorted(found, key=_as_go_prints):
        resource, slash, below = "".join(resources).partition("/")
        what = f"{resource}{f'.{group}' if (group := ''.join(groups)) else ''}{slash}{below}"
        rows.append({"resource": what, "urls": urls, "names": names, "verbs": verbs})
    return rows


def _as_go_prints(rule: tuple[list[str], ...]) -> str:
    return "".join(f"{key}:{go_text(value)}," for key, value in zip(_GO_RULE, rule, strict=True))


@formatter
def roles(labels: dict[str, str] | None) -> str:
    """A node's roles, from its labels."""
    prefix, labels = "node-role.kubernetes.io/", labels or {}
    found = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)}
    found |= {labels.get("kubernetes.io/role", "")}
    return ",".join(sorted(found - {""})) or NONE


# --- networks


@formatter
def balancer(ingress: list[Json] | None) -> str:
    """The addresses of a load balancer."""
    shown = []
    for each in ingress or ():
        mode = f" ({each['ipMode']})" if each.get("ipMode") else ""
        shown.append(f"{each['ip']}{mode}" if each.get("ip") else each.get("hostname", ""))
    return ", ".join(shown)


FORMATTERS.update(
    addresses=lambda ingress: ",".join(
        sorted({each.get("ip") or each.get("hostname", "") for each in ingress or ()} - {""})
    ),
    ips=lambda addresses: ",".join(each["ip"] for each in addresses or ()) or NONE,
    no_ports=lambda ports: "" if ports else f"Ports: {UNSET}",
)


@formatter
def policy(spec: Json) -> list[str]:
    """What a NetworkPolicy lets in and out."""
    chosen = label_selector(spec.get("podSelector") or {})
    if chosen == NONE:
        chosen = f"{NONE} (Allowing the specific traffic to all pods in this namespace)"
    lines = [f"PodSelector:     {chosen}"]
    for name, key in (("ingress", "from"), ("egress", "to")):
        if name.capitalize() in (spec.get("policyTypes") or ()):
            lines.append(f"Allowing {name} traffic:")
            lines += (f"  {line}" for line in _allowed(spec.get(name) or [], name, key))
        else:
            lines.append(f"Not affecting {name} traffic")
    return [*lines, f"Policy Types: {', '.join(spec.get('policyTypes') or ()) or NONE}"]


def _allowed(rules: list[Json], direction: str, key: str) -> Iterable[str]:
    title, other = key.capitalize(), "source" if key == "from" else "destination"
    if not rules:
        yield f"{NONE} (Selected pods are isolated for {direction} connectivity)"
    for index, rule in enumerate(rules):
        if index:
            yield "----------"
        if not rule.get("ports"):
            yield "To Port: <any> (traffic allowed to all ports)"
        for port in rule.get("ports") or ():
            first, protocol = go_text(port.get("port")), port.get("protocol", "TCP")
            last = port.get("endPort")
            text = f"To Port: {first}" if last is None else f"To Port Range: {first}-{last}"
            yield f"{text}/{protocol}"
        if not rule.get(key):
            yield f"{title}: <any> (traffic not restricted by {other})"
        for peer in rule.get(key) or ():
            yield f"{title}:"
            for name in ("NamespaceSelector", "PodSelector"):
                if (selector := peer.get(name[0].lower() + name[1:])) is not None:
                    yield f"  {name}: {label_selector(selector)}"
            if addresses := peer.get("ipBlock"):
                excepted = ", ".join(addresses.get("except") or ())
                yield from (
                    "  IPBlock:",
                    f"    CIDR: {addresses['cidr']}",
                    f"    Except: {excepted}",
                )


# --- storage

_MODES = {
    "ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}  # fmt: skip
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASSES = [f"storageclass.{part}kubernetes.io/is-default-class" for part in ("", "beta.")]


@formatter
def modes(modes: list[str] | None) -> str:
    """Access modes, shortened."""
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


@formatter
def terms(terms: list[Json] | None) -> list[Json]:
    """Terms of a node affinity, or of a class's topologies."""
    found = []
    for number, term in enumerate(terms or ()):
        shown = []
        for each in term.get("matchExpressions") or term.get("matchLabelExpressions") or ():
            values = f" [{', '.join(each['values'])}]" if each.get("values") else ""
            shown.append(f"{each['key']} {each.get('operator', 'In').lower()}{values}")
        found.append({"name": f"Term {number}", "value": shown or [NONE]})
    return found


FORMATTERS.update(
    storage_class=lambda obj: at(obj, "metadata.annotations", {}).get(
        _BETA_CLASS, at(obj, "spec.storageClassName", "")
    ),
    default_class=lambda annotations: (
        "Yes" if any((annotations or {}).get(key) == "true" for key in _DEFAULT_CLASSES) else "No"
    ),
    claim=lambda ref: f"{ref.get('namespace', '')}/{ref['name']}" if ref else "",
    claim_capacity=lambda claim: (
        at(claim, "status.capacity.storage", "0") if at(claim, "spec.volumeName") else ""
    ),
    claim_modes=lambda claim: (
        modes(at(claim, "status.accessModes")) if at(claim, "spec.volumeName") else ""
    ),
)
