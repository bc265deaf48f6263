"""The cells that `columns.txt` cannot say: functions of an object and the time of day."""

# ruff: noqa: D103 (the names of their columns say what they are)
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from kubecourse.api import conditions
from kubecourse.api.duration import human_duration
from kubecourse.api.labels import format_label_selector

UNKNOWN, NONE, UNSET = "<unknown>", "<none>", "<unset>"


def _since(moment: datetime | None, now: datetime) -> str:
    """How long ago, as people read it; `<unknown>` for never."""
    return UNKNOWN if moment is None else human_duration((now - moment).total_seconds())


def since(text: Any, now: datetime) -> str | None:
    """How long ago a time that is written out was; nothing without one."""
    if text is None:
        return None
    try:
        return _since(datetime.fromisoformat(text), now)
    except (TypeError, ValueError):
        return "<invalid>"


def _listed(items: Iterable[str], none: str) -> str:
    """The first three of a list: `a,b,c + 2 more...`."""
    found = list(items)
    more = len(found) - 3
    return (",".join(found[:3]) or none) + (f" + {more} more..." if more > 0 else "")


def _labels_text(labels: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def age(obj: Any, now: datetime) -> str:
    """How long an object has existed."""
    return _since(obj.metadata.creationTimestamp, now)


def labels(path: str, obj: Any, now: datetime) -> str:
    """A field of labels on one line, sorted: `app=web,tier=db`."""
    return _labels_text(attrgetter(path)(obj))


def true_or_false(path: str, obj: Any, now: datetime) -> str:
    """A boolean as text."""
    return "true" if attrgetter(path)(obj) else "false"


def phase(obj: Any, now: datetime) -> str:
    if obj.kind != "Namespace" and obj.metadata.deletionTimestamp is not None:
        return "Terminating"
    return (obj.status.phase if obj.status else "") or ""


# --- nodes

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def node_status(node: Any, now: datetime) -> str:
    ready = conditions.get(node.status.conditions if node.status else None, "Ready")
    shown = {None: "Unknown", "True": "Ready"}
    word = shown.get(ready.status if ready is not None else None, "NotReady")
    return f"{word},SchedulingDisabled" if node.spec and node.spec.unschedulable else word


def roles(node: Any, now: datetime) -> str:
    labels = node.metadata.labels or {}
    roles = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    roles.add(labels.get(ROLE_LABEL, ""))
    return ",".join(sorted(role for role in roles if role)) or NONE


def address(kind: str, node: Any, now: datetime) -> str:
    addresses = (node.status.addresses if node.status else None) or ()
    return next((address.address for address in addresses if address.type == kind), NONE)


def kernel(node: Any, now: datetime) -> str:
    info = node.status.nodeInfo if node.status else None
    if not info or not info.kernelVersion:
        return UNKNOWN
    return (
        f"{info.kernelVersion} ({info.architecture})" if info.architecture else info.kernelVersion
    )


# --- events


def seen(what: str, event: Any, now: datetime) -> Any:
    """When an event was first or last seen, or how often."""
    first = event.firstTimestamp or event.eventTime
    last, count = event.lastTimestamp or first, event.count or 1
    if event.series is not None:
        last, count = event.series.lastObservedTime, event.series.count
    if what == "count":
        return count
    return _since(first if what == "first" else last, now)


def subject(event: Any, now: datetime) -> str:
    about = event.involvedObject
    kind = (about.kind or "").lower()
    return f"{kind}/{about.name}" if about.name else kind


def source(event: Any, now: datetime) -> str:
    component, host = event.reportingComponent or "", event.reportingInstance or ""
    if event.source and event.source.component:
        component, host = event.source.component, event.source.host or ""
    return f"{component}, {host}" if host else component


def message(event: Any, now: datetime) -> str:
    return (event.message or "").strip()


# --- services, ingresses, network policies


def _ingress_addresses(obj: Any) -> list[str]:
    balancer = obj.status.loadBalancer if obj.status else None
    found = {each.ip or each.hostname or "" for each in (balancer and balancer.ingress) or ()}
    return sorted(found - {""})


def external(service: Any, now: datetime) -> str:
    spec = service.spec
    fixed = list(spec.externalIPs or ())
    if spec.type == "ExternalName":
        return spec.externalName or ""
    if spec.type != "LoadBalancer":
        return ",".join(fixed) or NONE
    return ",".join([*_ingress_addresses(service), *fixed]) or "<pending>"


def ports(service: Any, now: datetime) -> str:
    shown = []
    for port in service.spec.ports or ():
        number = f"{port.port}:{port.nodePort}" if port.nodePort else str(port.port)
        shown.append(f"{number}/{port.protocol}")
    return ",".join(shown) or NONE


def addresses(obj: Any, now: datetime) -> str:
    """The ready ones, at each port."""
    found = [
        (f"[{each.ip}]" if ":" in each.ip and port is not None else each.ip)
        + (f":{port.port}" if port is not None else "")
        for subset in obj.subsets or ()
        for port in subset.ports or (None,)
        for each in subset.addresses or ()
    ]
    return _listed(found, "" if obj.subsets else NONE)


def slice_ports(obj: Any, now: datetime) -> str:
    return _listed((str(port.port or port.name or "*") for port in obj.ports or ()), UNSET)


def slice_addresses(obj: Any, now: datetime) -> str:
    endpoints = obj.endpoints or ()
    return _listed((address for each in endpoints for address in each.addresses or ()), UNSET)


def hosts(ingress: Any, now: datetime) -> str:
    rules = ingress.spec.rules or ()
    named = [place for place, rule in enumerate(rules) if rule.host]
    shown = ",".join(rules[place].host for place in named[:3]) or "*"
    # Once three are shown, whatever rule is left counts, whether it names a host or not.
    left = len(rules) - 3 if len(named) > 2 and named[2] < len(rules) - 1 else 0
    return shown + (f" + {left} more..." if left else "")


def ingress_address(ingress: Any, now: datetime) -> str:
    return ",".join(_ingress_addresses(ingress))


def ingress_ports(ingress: Any, now: datetime) -> str:
    return "80, 443" if ingress.spec.tls else "80"


def pod_selector(policy: Any, now: datetime) -> str:
    return format_label_selector(policy.spec.podSelector)


# --- configuration and roles


def data(obj: Any, now: datetime) -> int:
    return len(obj.data or ()) + len(getattr(obj, "binaryData", None) or ())


def created(obj: Any, now: datetime) -> str:
    moment = obj.metadata.creationTimestamp
    return UNKNOWN if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def subjects(kind: str, binding: Any, now: datetime) -> str:
    found = (subject for subject in binding.subjects or () if subject.kind == kind)
    if kind == "ServiceAccount":
        return ", ".join(f"{subject.namespace or ''}/{subject.name}" for subject in found)
    return ", ".join(subject.name for subject in found)


# --- storage

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _holder(obj: Any) -> Any:
    """What says how large a volume is: of a claim its status, once it is bound."""
    if obj.kind == "PersistentVolume":
        return obj.spec
    return obj.status if obj.spec.volumeName else None


def capacity(obj: Any, now: datetime) -> str:
    """The size of a volume or of a claim's volume."""
    holder = _holder(obj)
    return (holder.capacity or {}).get("storage", "0") if holder is not None else ""


def modes(obj: Any, now: datetime) -> str:
    """How a volume or a claim's volume may be used."""
    holder = _holder(obj)
    allowed = (holder.accessModes if holder is not None else None) or ()
    return ",".join(short for mode, short in _MODES.items() if mode in allowed)


def claimed_by(volume: Any, now: datetime) -> str:
    claim = volume.spec.claimRef
    return f"{claim.namespace}/{claim.name}" if claim else ""


def class_name(obj: Any, now: datetime) -> str:
    default = (obj.metadata.annotations or {}).get(DEFAULT_CLASS) == "true"
    return f"{obj.metadata.name} (default)" if default else obj.metadata.name


def of_containers(field: str, obj: Any, now: datetime) -> str:
    """A field of all containers of a workload's pods."""
    owner = obj.spec.jobTemplate.spec if obj.kind == "CronJob" else getattr(obj, "spec", obj)
    template = owner.template
    return ",".join(getattr(each, field) or "" for each in template.spec.containers or ())


def selector(obj: Any, now: datetime) -> str:
    if obj.kind == "CronJob":
        selector = obj.spec.jobTemplate.spec.selector
        return format_label_selector(selector) if selector else NONE
    return format_label_selector(obj.spec.selector)


def ready(obj: Any, now: datetime) -> str:
    ready = obj.status.readyReplicas if obj.status else None
    return f"{ready or 0}/{obj.spec.replicas}"


# --- jobs

_JOB_STATES = ("Complete", "Failed", "Terminating", "Suspended", "FailureTarget")
"""What a job's state is called, by the first condition that holds; one is no condition."""


def job_state(job: Any, now: datetime) -> str:
    for state in (*_JOB_STATES, "SuccessCriteriaMet"):
        if state == "Terminating":
            holds = job.metadata.deletionTimestamp is not None
        else:
            holds = conditions.is_true(job.status.conditions, state)
        if holds:
            return state
    return "Running"


def completions(job: Any, now: datetime) -> str:
    succeeded = job.status.succeeded or 0
    if job.spec.completions is not None:
        return f"{succeeded}/{job.spec.completions}"
    parallelism = job.spec.parallelism or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def duration(job: Any, now: datetime) -> str:
    started = job.status.startTime
    return "" if started is None else _since(started, job.status.completionTime or now)


def suspended(obj: Any, now: datetime) -> str:
    return "True" if obj.spec.suspend else "False"


def active(obj: Any, now: datetime) -> int:
    return len((obj.status.active if obj.status else None) or ())


def last_schedule(obj: Any, now: datetime) -> str:
    last = obj.status.lastScheduleTime if obj.status else None
    return NONE if last is None else _since(last, now)


# --- budgets, quotas, priorities


def limit(field: str, obj: Any, now: datetime) -> str:
    value = getattr(obj.spec, field)
    return "N/A" if value is None else str(value)


def quota(what: str, obj: Any, now: datetime) -> str:
    """Used and allowed: of limits, or of all else."""
    hard = (obj.status.hard if obj.status else None) or {}
    used = (obj.status.used if obj.status else None) or {}
    names = (name for name in sorted(hard) if name.startswith("limits.") == (what == "limits"))
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)


# --- autoscalers

_METRICS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metric(source: Any, current: Any, kind: str) -> str:
    """`cpu: 20%/50%`, `12/100 (avg)`: what is measured, and what is wanted."""
    target = source.target
    prefix = f"{source.name}: " if kind.endswith("Resource") else ""
    if target.averageValue is not None:
        suffix = " (avg)" if kind in ("Object", "External") else ""
        measured = getattr(current, "averageValue", None) or UNKNOWN
        return f"{prefix}{measured}/{target.averageValue}{suffix}"
    if not prefix:
        return f"{getattr(current, 'value', None) or UNKNOWN}/{target.value}"
    used = getattr(current, "averageUtilization", None)
    wanted = target.averageUtilization
    shown = UNKNOWN if used is None else f"{used}%"
    return f"{prefix}{shown}/{'<auto>' if wanted is None else f'{wanted}%'}"


def targets(obj: Any, now: datetime) -> str:
    specs = obj.spec.metrics or []
    statuses = (obj.status.currentMetrics if obj.status else None) or []
    shown = []
    for index, spec in enumerate(specs[:2]):
        attribute = _METRICS[spec.type]
        part = getattr(statuses[index], attribute) if index < len(statuses) else None
        shown.append(_metric(getattr(spec, attribute), part and part.current, spec.type))
    more = f" + {len(specs) - 2} more..." if len(specs) > 2 else ""
    return (", ".join(shown) or NONE) + more


def least(obj: Any, now: datetime) -> str:
    return "<unset>" if obj.spec.minReplicas is None else str(obj.spec.minReplicas)


# --- pods, as `PodView` sees them


def restarts(view: Any, now: datetime) -> str:
    restarts = view.restarts
    if restarts.count and restarts.last is not None:
        return f"{restarts.count} ({_since(restarts.last, now)} ago)"
    return str(restarts.count)


def pod_ip(view: Any, now: datetime) -> str:
    addresses = view.status.podIPs
    return (addresses[0].ip if addresses else view.status.podIP) or NONE


def gates(view: Any, now: datetime) -> str:
    gates = view.spec.readinessGates or ()
    true = {c.type for c in view.status.conditions or () if c.status == "True"}
    return f"{sum(gate.conditionType in true for gate in gates)}/{len(gates)}" if gates else NONE


# --- vertical autoscalers


def recommended(resource: str, scaler: Any, now: datetime) -> str:
    """The first container's target."""
    found = scaler.status and scaler.status.recommendation
    first = (found.containerRecommendations or [None])[0] if found else None
    return (first.target or {}).get(resource, "") if first is not None else ""


def condition(type: str, obj: Any, now: datetime) -> str:
    """The status of a condition."""
    found = conditions.get(obj.status.conditions if obj.status else None, type)
    return found.status if found is not None else ""


# --- what extends a cluster


def count(path: str, obj: Any, now: datetime) -> int:
    """How many items a list has."""
    return len(attrgetter(path)(obj) or ())


def joined(path: str, obj: Any, now: datetime) -> str:
    return ",".join(attrgetter(path)(obj) or ())


def token_audiences(driver: Any, now: datetime) -> str:
    return ",".join(each.audience for each in driver.spec.tokenRequests or ()) or UNSET


def requested_duration(request: Any, now: datetime) -> str:
    seconds = request.spec.expirationSeconds
    return NONE if seconds is None else human_duration(seconds)


def request_state(request: Any, now: datetime) -> str:
    """What has become of a request for a certificate."""
    said = {each.type for each in request.status.conditions or ()}
    verdict = "Denied" if "Denied" in said else "Approved" if "Approved" in said else "Pending"
    more = ("Failed",) * ("Failed" in said) + ("Issued",) * bool(request.status.certificate)
    return ",".join((verdict, *more))


def claim_state(claim: Any, now: datetime) -> str:
    """What has become of a claim for devices."""
    states = ["deleted"] if claim.metadata.deletionTimestamp else []
    states += ["allocated"] if claim.status and claim.status.allocation else []
    states += ["reserved"] if claim.status and claim.status.reservedFor else []
    return ",".join(states) or "pending"


def parent(address: Any, now: datetime) -> str:
    """Whose an address is: `services/default/web`."""
    owner = address.spec.parentRef
    group = f".{owner.group}" if owner and owner.group else ""
    place = f"{owner.namespace}/" if owner and owner.namespace else ""
    return f"{owner.resource}{group}/{place}{owner.name}" if owner else NONE


def class_parameters(cls: Any, now: datetime) -> str:
    """Where the parameters of a class of ingresses are: `Kind.group/name`."""
    asked = cls.spec.parameters if cls.spec else None
    if asked is None:
        return NONE
    group = f".{asked.apiGroup}" if asked.apiGroup else ""
    return f"{asked.kind}{group}/{asked.name}"


def param_kind(policy: Any, now: datetime) -> str:
    asked = policy.spec.paramKind
    return f"{asked.apiVersion}/{asked.kind}" if asked else UNSET


def param_ref(binding: Any, now: datetime) -> str:
    asked = binding.spec.paramRef
    if asked is None:
        return UNSET
    return f"{asked.namespace}/{asked.name}" if asked.namespace else f"*/{asked.name or '*'}"


def controller(revision: Any, now: datetime) -> str:
    """Who controls a revision: `statefulset.apps/web`."""
    for owner in revision.metadata.ownerReferences or ():
        if owner.controller:
            group = owner.apiVersion.rpartition("/")[0]
            return f"{owner.kind.lower()}{'.' if group else ''}{group}/{owner.name}"
    return NONE


def api_service(obj: Any, now: datetime) -> str:
    service = obj.spec.service
    return f"{service.namespace}/{service.name}" if service else "Local"


def api_available(obj: Any, now: datetime) -> str:
    found = conditions.get(obj.status.conditions if obj.status else None, "Available")
    if found is None or found.status == "True":
        return found.status if found else "Unknown"
    return f"{found.status} ({found.reason})"
