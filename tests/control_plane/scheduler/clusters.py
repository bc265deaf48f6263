"""Random clusters and pods, small but with everything in them that scheduling looks at."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kubecourse.api import models

core, meta = models.core_v1, models.meta_v1

KEYS = ("kubernetes.io/hostname", "topology.kubernetes.io/zone", "disk")
APPS = ("a", "b")


def sometimes(strategy: Any) -> Any:
    return st.one_of(st.none(), st.none(), strategy)


taints = st.lists(
    st.builds(
        core.Taint,
        key=st.sampled_from(["k", "l"]),
        value=st.sampled_from(["v", None]),
        effect=st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ),
    max_size=2,
)

tolerations = st.lists(
    st.builds(
        core.Toleration,
        key=st.sampled_from(["k", "l", None]),
        operator=st.just("Exists"),
        effect=st.sampled_from(["NoSchedule", None]),
    ),
    max_size=2,
)

images = st.lists(
    st.builds(
        core.ContainerImage,
        names=st.sampled_from([["img:1"], ["other:latest"]]),
        sizeBytes=st.integers(10**7, 3 * 10**9),
    ),
    max_size=2,
    unique_by=lambda image: image.names[0],
)


@st.composite
def nodes(draw: Any, name: str) -> Any:
    labels = {"kubernetes.io/hostname": name} if draw(st.integers(0, 9)) else {}
    zone = draw(st.sampled_from(["z1", "z2", "z3", None]))
    if zone:
        labels["topology.kubernetes.io/zone"] = zone
    disk = draw(st.sampled_from(["ssd", "hdd", None, None]))
    if disk:
        labels["disk"] = disk
    resources = {
        "cpu": draw(st.sampled_from(["1", "2", "3500m", "8"])),
        "memory": draw(st.sampled_from(["2Gi", "4Gi", "16Gi"])),
        "pods": draw(st.sampled_from(["3", "8", "110"])),
        "ephemeral-storage": "10Gi",
    }
    if not draw(st.integers(0, 3)):
        resources["example.com/gpu"] = "2"
    return core.Node(
        metadata=meta.ObjectMeta(name=name, labels=labels),
        spec=core.NodeSpec(
            taints=draw(sometimes(taints)), unschedulable=draw(sometimes(st.just(True)))
        ),
        status=core.NodeStatus(allocatable=resources, images=draw(sometimes(images))),
    )  # fmt: skip


selectors = st.sampled_from([{"app": app} for app in APPS]).map(
    lambda labels: meta.LabelSelector(matchLabels=labels)
)

spread = st.lists(
    st.builds(
        core.TopologySpreadConstraint,
        maxSkew=st.integers(1, 2),
        topologyKey=st.sampled_from(KEYS),
        whenUnsatisfiable=st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
        labelSelector=selectors,
        minDomains=sometimes(st.integers(1, 4)),
        nodeAffinityPolicy=st.sampled_from([None, "Ignore"]),
        nodeTaintsPolicy=st.sampled_from([None, "Honor"]),
    ),
    min_size=1,
    max_size=2,
)


def listed(strategy: Any) -> Any:
    return st.lists(strategy, min_size=1, max_size=2)


terms = st.builds(
    core.PodAffinityTerm,
    topologyKey=st.sampled_from(KEYS),
    labelSelector=selectors,
    namespaceSelector=st.sampled_from([None, meta.LabelSelector()]),
)
weighted = st.builds(
    core.WeightedPodAffinityTerm, weight=st.integers(1, 100), podAffinityTerm=terms
)

disks = st.builds(
    core.NodeSelectorTerm,
    matchExpressions=st.sampled_from([
        [core.NodeSelectorRequirement(key="disk", operator="In", values=["ssd"])],
        [core.NodeSelectorRequirement(key="disk", operator="DoesNotExist")],
        [core.NodeSelectorRequirement(key="topology.kubernetes.io/zone", operator="Exists")],
    ]),
)  # fmt: skip

preferences = st.builds(core.PreferredSchedulingTerm, weight=st.integers(1, 100), preference=disks)

affinities = st.builds(
    core.Affinity,
    nodeAffinity=sometimes(
        st.builds(
            core.NodeAffinity,
            requiredDuringSchedulingIgnoredDuringExecution=sometimes(
                st.builds(core.NodeSelector, nodeSelectorTerms=listed(disks))
            ),
            preferredDuringSchedulingIgnoredDuringExecution=sometimes(listed(preferences)),
        )
    ),
    podAffinity=sometimes(
        st.builds(
            core.PodAffinity,
            requiredDuringSchedulingIgnoredDuringExecution=st.lists(terms, max_size=1),
            preferredDuringSchedulingIgnoredDuringExecution=st.lists(weighted, max_size=1),
        )
    ),
    podAntiAffinity=sometimes(
        st.builds(
            core.PodAntiAffinity,
            requiredDuringSchedulingIgnoredDuringExecution=st.lists(terms, max_size=1),
            preferredDuringSchedulingIgnoredDuringExecution=st.lists(weighted, max_size=1),
        )
    ),
)  # fmt: skip


@st.composite
def containers(draw: Any) -> Any:
    requests: dict[str, str] = {}
    if draw(st.integers(0, 3)):
        requests["cpu"] = draw(st.sampled_from(["100m", "500m", "1"]))
    if draw(st.integers(0, 2)):
        requests["memory"] = draw(st.sampled_from(["64Mi", "512Mi", "1Gi"]))
    if not draw(st.integers(0, 9)):
        requests["example.com/gpu"] = "1"
    ports = draw(sometimes(st.just([core.ContainerPort(containerPort=80, hostPort=8080)])))
    return core.Container(
        name="c",
        image=draw(st.sampled_from(["img:1", "other"])),
        resources=core.ResourceRequirements(requests=requests or None),
        ports=ports,
    )


@st.composite
def specs(draw: Any) -> Any:
    return core.PodSpec(
        containers=[draw(containers())],
        nodeSelector=draw(sometimes(st.just({"disk": "ssd"}))),
        affinity=draw(sometimes(affinities)),
        tolerations=draw(sometimes(tolerations)),
        topologySpreadConstraints=draw(sometimes(spread)),
        priority=draw(st.sampled_from([0, 0, 10])),
        schedulerName="default-scheduler",
    )
