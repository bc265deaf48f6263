"""`kubectl create deployment`, `job`, `quota` and others: an object from a few flags.

Sources: `staging/src/k8s.io/kubectl/pkg/cmd/create/create_*.go`; for selectors
`staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go` (ParseToLabelSelector).
"""

from __future__ import annotations

import re
from typing import Any

from kubecourse.api import names
from kubecourse.api.labels import Requirement, SelectorError, parse_selector
from kubecourse.api.resources import BY_KIND
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.commands.set import resource_list
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.generating import generated, new_object, present
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import from_arguments

Json = dict[str, Any]
MANUAL = "cronjob.kubernetes.io/instantiate"
OPERATORS = {"in": "In", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}
NOTHING_YET = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")


@command("create namespace")
def namespace(inv: Invocation) -> None:
    """A namespace."""
    generated(inv, new_object(inv, "Namespace", inv.args[0]) | {"spec": {}, "status": {}})


@command("create deployment")
def deployment(inv: Invocation) -> None:
    """A Deployment; what follows `--` is its container's command."""
    (name, *words), images, port = inv.args, inv.flags["image"], inv.flags["port"]
    if len(images) > 1 and words:
        raise KubectlError("cannot specify multiple --image options and command")
    containers = []
    for image in images:
        container = {"name": _container_name(inv, name, image), "image": image, "command": words}
        containers.append(present(container) | {"resources": {}})
    if port >= 0:
        containers[0]["ports"] = [{"containerPort": port}]
    labels = {"app": name}
    metadata = {"creationTimestamp": None, "labels": labels}
    spec = {
        "replicas": inv.flags["replicas"],
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": {"containers": containers}},
        "strategy": {},
    }
    obj = new_object(inv, "Deployment", name, "apps/v1", labels)
    generated(inv, obj | {"spec": spec, "status": {}})


def _container_name(inv: Invocation, deployment: str, image: str) -> str:
    """The image's last part, without its tag; made to fit, with a random suffix, for DNS."""
    name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    if re.search(r"[_.]", name):
        rng = inv.connection.clock.rng(f"kubectl/{deployment}")
        name = f"{re.sub(r'[_.]', '-', name)}-{names.random_suffix(rng)}"
    return name


def _job_spec(name: str, image: str, words: list[str], policy: str) -> Json:
    container = present({"name": name, "image": image, "command": words}) | {"resources": {}}
    pod = {"containers": [container], "restartPolicy": policy}
    return {"template": {"metadata": {"creationTimestamp": None}, "spec": pod}}


@command("create job")
def job(inv: Invocation) -> None:
    """A Job that runs an image, or what a CronJob would."""
    (name, *words), image, source = inv.args, inv.flags["image"], inv.flags["from"]
    if bool(image) == bool(source):
        raise KubectlError("either --image or --from must be specified")
    if source and words:
        raise KubectlError("cannot specify --from and command")
    obj = new_object(inv, "Job", name, "batch/v1")
    if source:
        obj = _from_cronjob(inv, obj, source)
    else:
        obj["spec"] = _job_spec(name, image, words, "Never")
    generated(inv, obj | {"status": {}})


def _from_cronjob(inv: Invocation, obj: Json, source: str) -> Json:
    (info,) = from_arguments(inv, [source])
    if info.resource is not BY_KIND["batch/v1", "CronJob"]:
        raise KubectlError("from must be an existing cronjob")
    name, found = info.name, info.object
    template, metadata = found["spec"]["jobTemplate"], found["metadata"]
    given = template.get("metadata") or {}
    annotations = {**(given.get("annotations") or {}), MANUAL: "manual"}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": metadata["uid"]}
    mine = obj["metadata"] | {"annotations": annotations, "ownerReferences": [owner]}
    mine |= present({"labels": given.get("labels")})
    return obj | {"metadata": mine, "spec": template["spec"]}


@command("create cronjob")
def cronjob(inv: Invocation) -> None:
    """A CronJob."""
    name, *words = inv.args
    given = inv.flags
    spec = _job_spec(name, given["image"], words, given["restart"] or "OnFailure")
    metadata = {"name": name, "creationTimestamp": None}
    spec = {"schedule": given["schedule"], "jobTemplate": {"metadata": metadata, "spec": spec}}
    generated(inv, new_object(inv, "CronJob", name, "batch/v1") | {"spec": spec, "status": {}})


@command("create serviceaccount")
def account(inv: Invocation) -> None:
    """A ServiceAccount."""
    generated(inv, new_object(inv, "ServiceAccount", inv.args[0]))


@command("create priorityclass")
def priority_class(inv: Invocation) -> None:
    """A PriorityClass."""
    given = inv.flags
    made = new_object(inv, "PriorityClass", inv.args[0], "scheduling.k8s.io/v1")
    made["metadata"].pop("namespace", None)
    said = {"globalDefault": given["global-default"], "description": given["description"]}
    policy = {"preemptionPolicy": given["preemption-policy"]}
    generated(inv, made | {"value": given["value"]} | present(said) | policy)


# --- how many and how much


@command("create quota")
def quota(inv: Invocation) -> None:
    """A ResourceQuota."""
    try:
        hard = resource_list(inv.flags["hard"])
    except KubectlError as error:  # here kubectl begins it with a capital
        raise KubectlError(str(error).replace("invalid argument", "Invalid argument")) from None
    scopes = inv.flags["scopes"].split(",") if inv.flags["scopes"] else []
    if "" in scopes:
        raise KubectlError('invalid resource quota scope ""')
    obj = new_object(inv, "ResourceQuota", inv.args[0])
    generated(inv, obj | {"spec": present({"hard": hard, "scopes": scopes}), "status": {}})


@command("create poddisruptionbudget")
def budget(inv: Invocation) -> None:
    """A PodDisruptionBudget, with a number or a percentage."""
    spec: Json = {}
    for flag, field in (("min-available", "minAvailable"), ("max-unavailable", "maxUnavailable")):
        if text := inv.flags[flag]:
            if not re.fullmatch("[0-9]+%?", text):
                raise KubectlError(f"invalid format specified for {flag}")
            spec[field] = int(text) if text.isdigit() else text
    spec["selector"] = _selector(inv.flags["selector"])
    obj = new_object(inv, "PodDisruptionBudget", inv.args[0], "policy/v1")
    generated(inv, obj | {"spec": spec, "status": dict.fromkeys(NOTHING_YET, 0)})


def _selector(text: str) -> Json:
    """A selector as an object has it, from one as it is typed. Raises KubectlError."""
    try:
        requirements = parse_selector(text).requirements
    except SelectorError as error:
        raise KubectlError(f'couldn\'t parse the selector string "{text}": {error}') from None
    equal = {each.key: each.values[0] for each in requirements if each.operator in ("=", "==")}
    others = [_expression(each) for each in requirements if each.operator not in ("=", "==")]
    return present({"matchLabels": equal, "matchExpressions": others})


def _expression(condition: Requirement) -> Json:
    key, operator, values = condition.key, condition.operator, sorted(condition.values)
    if operator not in OPERATORS:
        unknown = "is not a valid label selector operator"
        why = unknown if operator == "!=" else "isn't supported in label selectors"
        raise KubectlError(f'"{operator}" {why}')
    return {"key": key, "operator": OPERATORS[operator]} | present({"values": values})
