"""The kinds that the cluster serves. A kind joins by a row here.

What else it needs, its defaults, validation and columns, is declared under its name in the API
server's rooms; the path that every request takes is the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kubecourse.api import codec

STANDARD_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One resource: a kind and where it is served.

    `subresources` are those besides the object itself (`status`, `scale`, `binding`, …). `package`
    is the Go package, for a kind that an add-on brings. `since`: from which version on the kind is
    deprecated, and what to use instead.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    package: str = ""
    since: str = ""

    @property
    def deprecation(self) -> str:
        """What whoever asks for the kind is told, if it is deprecated."""
        if not self.since:
            return ""
        return f"{self.api_version} {self.kind} is deprecated in {self.since}"

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition, and not Kubernetes, says what its objects are."""
        return False

    @property
    def merges(self) -> bool:
        """Whether its lists are merged only by the server: kubectl does not know the kind."""
        outside = ("apiextensions.k8s.io", "apiregistration.k8s.io")
        return self.custom or bool(self.package) or self.group in outside

    @property
    def verbs(self) -> tuple[str, ...]:
        """What may be done with it. Namespaces are deleted one by one."""
        namespaces = self.plural == "namespaces" and not self.group
        return tuple(v for v in STANDARD_VERBS if v != "deletecollection" or not namespaces)

    @cached_property
    def schema(self) -> str:
        """The Go type: `apps/v1.Deployment`."""
        group = self.package or self.group.removesuffix(".k8s.io").partition(".")[0] or "core"
        return f"{group}/{self.version}.{self.kind}"

    @cached_property
    def model(self) -> type[Any]:
        """The class of its objects."""
        return codec.model(self.schema)[0]

    @cached_property
    def api_version(self) -> str:
        """As manifests have it: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def singular(self) -> str:
        """`pod`, `deployment`, as kubectl accepts and prints it."""
        return self.kind.lower()

    @cached_property
    def prefix(self) -> str:
        """Where its objects lie in etcd."""
        return f"/registry/{self.plural}/"

    def key(self, namespace: str | None, name: str) -> str:
        """An object's key in etcd."""
        return f"{self.prefix}{namespace}/{name}" if self.namespaced else f"{self.prefix}{name}"

    def __repr__(self) -> str:
        return self.qualified


_ALL = ("all",)

_STATUS = ("status",)
_SCALED = ("status", "scale")
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"

RESOURCES: tuple[Resource, ...] = (
    Resource("", "v1", "ConfigMap", "configmaps", short_names=("cm",)),
    Resource(
        "", "v1", "Endpoints", "endpoints", short_names=("ep",),
        since="v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
    Resource("", "v1", "Event", "events", short_names=("ev",)),
    Resource("", "v1", "LimitRange", "limitranges", short_names=("limits",)),
    Resource("", "v1", "Namespace", "namespaces", False, ("ns",), (), ("status", "finalize")),
    Resource("", "v1", "Node", "nodes", False, ("no",), (), _STATUS),
    Resource(
        "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True, ("pvc",), (), _STATUS
    ),
    Resource("", "v1", "PersistentVolume", "persistentvolumes", False, ("pv",), (), _STATUS),
    Resource(
        "", "v1", "Pod", "pods", True, ("po",), _ALL,
        ("status", "binding", "eviction", "log", "exec", "attach", "portforward"),
    ),
    Resource("", "v1", "PodTemplate", "podtemplates"),
    Resource(
        "", "v1", "ReplicationController", "replicationcontrollers", True, ("rc",), _ALL, _SCALED
    ),
    Resource("", "v1", "ResourceQuota", "resourcequotas", True, ("quota",), (), _STATUS),
    Resource("", "v1", "Secret", "secrets"),
    Resource("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",), (), ("token",)),
    Resource("", "v1", "Service", "services", True, ("svc",), _ALL, _STATUS),
    Resource(_ADMISSION, "v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", False),
    Resource(
        _ADMISSION, "v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", False
    ),
    Resource(
        _ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False
    ),
    Resource(
        _ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False, (), (),
        _STATUS,
    ),
    Resource(
        _ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings",
        False,
    ),
    Resource(
        _ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False
    ),
    Resource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
        False, ("crd", "crds"), ("api-extensions",), _STATUS,
    ),
    Resource(
        "apiregistration.k8s.io", "v1", "APIService", "apiservices", False, (),
        ("api-extensions",), _STATUS,
    ),
    Resource("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Resource("apps", "v1", "DaemonSet", "daemonsets", True, ("ds",), _ALL, _STATUS),
    Resource("apps", "v1", "Deployment", "deployments", True, ("deploy",), _ALL, _SCALED),
    Resource("apps", "v1", "ReplicaSet", "replicasets", True, ("rs",), _ALL, _SCALED),
    Resource("apps", "v1", "StatefulSet", "statefulsets", True, ("sts",), _ALL, _SCALED),
    Resource(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",),
        _ALL, _STATUS,
    ),
    Resource(
        "autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers", True,
        ("vpa",), (), _STATUS, "vpa",
    ),
    Resource("batch", "v1", "CronJob", "cronjobs", True, ("cj",), _ALL, _STATUS),
    Resource("batch", "v1", "Job", "jobs", True, (), _ALL, _STATUS),
    Resource(
        "certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests",
        False, ("csr",), (), ("status", "approval"),
    ),
    Resource("coordination.k8s.io", "v1", "Lease", "leases"),
    Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    Resource(_FLOW, "v1", "FlowSchema", "flowschemas", False, (), (), _STATUS),
    Resource(
        _FLOW, "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", False, (), (),
        _STATUS,
    ),
    Resource("networking.k8s.io", "v1", "IPAddress", "ipaddresses", False, ("ip",)),
    Resource("networking.k8s.io", "v1", "Ingress", "ingresses", True, ("ing",), (), _STATUS),
    Resource("networking.k8s.io", "v1", "IngressClass", "ingressclasses", False),
    Resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True, ("netpol",)),
    Resource("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", False, (), (), _STATUS),
    Resource("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", False),
    Resource(
        "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, ("pdb",), (), _STATUS
    ),
    Resource(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False),
    Resource(_RBAC, "v1", "ClusterRole", "clusterroles", False),
    Resource(_RBAC, "v1", "RoleBinding", "rolebindings"),
    Resource(_RBAC, "v1", "Role", "roles"),
    Resource("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", False),
    Resource("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", True, (), (), _STATUS),
    Resource("resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates"),
    Resource("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", False),
    Resource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, ("pc",)),
    Resource("storage.k8s.io", "v1", "CSIDriver", "csidrivers", False),
    Resource("storage.k8s.io", "v1", "CSINode", "csinodes", False),
    Resource("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities"),
    Resource("storage.k8s.io", "v1", "StorageClass", "storageclasses", False, ("sc",)),
    Resource(
        "storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", False, (), (), _STATUS
    ),
    Resource(
        "storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses", False, ("vac",)
    ),
)  # fmt: skip

BY_MODEL: dict[type[Any], Resource] = {resource.model: resource for resource in RESOURCES}
BY_KIND: dict[tuple[str, str], Resource] = {(r.api_version, r.kind): r for r in RESOURCES}
BY_PLURAL: dict[tuple[str, str, str], Resource] = {
    (r.group, r.version, r.plural): r for r in RESOURCES
}


def resource_of(obj: Any) -> Resource:
    """The resource of an object, or of its class."""
    return BY_MODEL[obj if isinstance(obj, type) else type(obj)]


def find(word: str, served: Sequence[Resource] = RESOURCES) -> Resource | None:
    """The resource that a kubectl user means: `po`, `pods`, `deployments.apps`, `Deployment`."""
    name, _, group = word.lower().partition(".")
    for resource in served:
        names = (resource.plural, resource.singular, *resource.short_names)
        if name in names and (
            not group or group in (resource.group, f"{resource.version}.{resource.group}")
        ):
            return resource
    return None
