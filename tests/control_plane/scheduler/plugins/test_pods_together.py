"""Plugins that look at where other pods are: topology spread and pod affinity."""

from kubecourse.api import models
from kubecourse.clock import START
from kubecourse.control_plane.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kubecourse.control_plane.scheduler.plugins.pod_topology_spread import PodTopologySpread
from tests.control_plane.scheduler.objects import cache, node, pod, refusals, scores

core, meta, apps = models.core_v1, models.meta_v1, models.apps_v1

ZONE, HOSTNAME = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
WEB = meta.LabelSelector(matchLabels={"app": "web"})


def web(name, **fields):
    return pod(name, {"app": "web"}, **fields)


def zoned(name, zone, **fields):
    return node(name, {ZONE: zone}, **fields)


def spread(key, skew=1, hard=True, **fields):
    return core.TopologySpreadConstraint(
        maxSkew=skew,
        topologyKey=key,
        whenUnsatisfiable="DoNotSchedule" if hard else "ScheduleAnyway",
        labelSelector=WEB,
        **fields,
    )


def test_system_defaults_spread_the_pods_of_a_replica_set():
    replica_set = apps.ReplicaSet(
        metadata=meta.ObjectMeta(name="rs", namespace="default"),
        spec=apps.ReplicaSetSpec(selector=WEB),
    )
    owner = meta.OwnerReference(
        apiVersion="apps/v1", kind="ReplicaSet", name="rs", uid="1", controller=True
    )
    one = web("p")
    one.metadata.ownerReferences = [owner]
    known = cache(zoned("a", "z1"), zoned("b", "z1"), zoned("c", "z2"), a=[web("q"), web("r")])
    known.owners.set(None, replica_set)
    found = scores(PodTopologySpread, one, known)
    # hostname: ln(3+2) a pod, zone: ln(2+2) a pod; 2 + 4 for the tolerated skews.
    assert {name: raw for name, (raw, _) in found.items()} == {"a": 12, "b": 9, "c": 6}
    assert {name: score for name, (_, score) in found.items()} == {"a": 50, "b": 75, "c": 100}


def test_a_pod_of_nothing_is_not_spread_by_default():
    assert scores(PodTopologySpread, web("p"), cache(node("a"))) == {}


def test_terminating_pods_do_not_count_for_spreading():
    known = cache(node("a"), node("b"), a=[web("q")])
    hard = web("p", topologySpreadConstraints=[spread(HOSTNAME)])
    assert list(refusals(PodTopologySpread, hard, known)) == ["a"]
    going = web("q")
    going.metadata.deletionTimestamp = START
    known.place(going, "a")
    assert refusals(PodTopologySpread, hard, known) == {}


def test_nodes_without_the_label_take_no_pod_and_are_not_scored():
    known = cache(zoned("a", "z1"), node("b"))
    hard = web("p", topologySpreadConstraints=[spread(ZONE)])
    reason = "node(s) didn't match pod topology spread constraints (missing required label)"
    assert refusals(PodTopologySpread, hard, known) == {"b": reason}
    soft = web("p", topologySpreadConstraints=[spread(ZONE, hard=False)])
    assert scores(PodTopologySpread, soft, known) == {"a": (0, 100), "b": (None, 0)}


def test_only_nodes_that_the_pod_may_go_to_count_unless_it_says_otherwise():
    known = cache(
        node("a", {ZONE: "z1", "disk": "ssd"}), zoned("b", "z2"), a=[web("q")]
    )  # fmt: skip
    rule = spread(ZONE)
    choosy = web("p", nodeSelector={"disk": "ssd"}, topologySpreadConstraints=[rule])
    assert refusals(PodTopologySpread, choosy, known) == {}
    rule = spread(ZONE, nodeAffinityPolicy="Ignore")
    choosy = web("p", nodeSelector={"disk": "ssd"}, topologySpreadConstraints=[rule])
    assert list(refusals(PodTopologySpread, choosy, known)) == ["a"]


def affinity(*, near=(), apart=(), prefer_near=(), prefer_apart=()):
    def weighted(pairs):
        return [core.WeightedPodAffinityTerm(weight=w, podAffinityTerm=t) for w, t in pairs]

    return core.Affinity(
        podAffinity=core.PodAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=list(near),
            preferredDuringSchedulingIgnoredDuringExecution=weighted(prefer_near),
        ),
        podAntiAffinity=core.PodAntiAffinity(
            requiredDuringSchedulingIgnoredDuringExecution=list(apart),
            preferredDuringSchedulingIgnoredDuringExecution=weighted(prefer_apart),
        ),
    )


def to_web(key=ZONE, **fields):
    return core.PodAffinityTerm(topologyKey=key, labelSelector=WEB, **fields)


def test_existing_pods_may_not_want_the_newcomer():
    shy = pod("shy", {"app": "db"}, affinity=affinity(apart=[to_web()]))
    known = cache(zoned("a", "z1"), zoned("b", "z1"), zoned("c", "z2"), a=[shy])
    reason = "node(s) didn't satisfy existing pods anti-affinity rules"
    assert refusals(InterPodAffinity, web("p"), known) == {"a": reason, "b": reason}
    assert refusals(InterPodAffinity, pod("p", {"app": "db"}), known) == {}


def test_affinity_wants_one_pod_that_meets_all_terms():
    both = affinity(near=[to_web(ZONE), to_web(HOSTNAME)])
    known = cache(zoned("a", "z1"), zoned("b", "z1"), a=[web("q")])
    refused = refusals(InterPodAffinity, pod("p", affinity=both), known)
    assert refused == {"b": "node(s) didn't match pod affinity rules"}


def test_the_first_pod_of_a_kind_may_go_anywhere_with_the_label():
    known = cache(zoned("a", "z1"), node("b"))
    first = web("p", affinity=affinity(near=[to_web()]))
    assert list(refusals(InterPodAffinity, first, known)) == ["b"]
    stranger = pod("p", affinity=affinity(near=[to_web()]))
    assert list(refusals(InterPodAffinity, stranger, known)) == ["a", "b"]


def test_terms_are_about_the_pods_own_namespace_unless_they_say_otherwise():
    known = cache(node("a"), node("b"), a=[web("q", namespace="other")])
    other = meta.ObjectMeta(name="other", labels={"team": "x"})
    known.set_namespace(None, core.Namespace(metadata=other))

    def apart(**fields):
        return pod("p", affinity=affinity(apart=[to_web(HOSTNAME, **fields)]))

    assert refusals(InterPodAffinity, apart(), known) == {}
    assert list(refusals(InterPodAffinity, apart(namespaces=["other"]), known)) == ["a"]
    assert list(
        refusals(InterPodAffinity, apart(namespaceSelector=meta.LabelSelector()), known)
    ) == ["a"]
    team = meta.LabelSelector(matchLabels={"team": "y"})
    assert refusals(InterPodAffinity, apart(namespaceSelector=team), known) == {}


def test_preferences_of_both_sides_add_up():
    fond = pod("fond", {"app": "db"}, affinity=affinity(prefer_near=[(10, to_web(HOSTNAME))]))
    known = cache(node("a"), node("b"), node("c"), a=[fond], b=[web("q")])
    shy = web("p", affinity=affinity(prefer_apart=[(30, to_web(HOSTNAME))]))
    found = scores(InterPodAffinity, shy, known)
    assert found == {"a": (10, 100), "b": (-30, 0), "c": (0, 75)}
