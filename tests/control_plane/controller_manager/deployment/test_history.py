"""Revisions, and which old ReplicaSets are kept."""

from msgspec.structs import replace

from kubecourse.api import models
from kubecourse.api.names import SAFE_ALPHABET
from kubecourse.control_plane.controller_manager.deployment import history
from tests.control_plane.controller_manager.double import Lab, ObjectMeta

core = models.core_v1
apps = models.apps_v1


def template(image="nginx", labels=None):
    return core.PodTemplateSpec(
        metadata=ObjectMeta(labels=labels or {"app": "web"}),
        spec=core.PodSpec(containers=[core.Container(name="web", image=image)]),
    )


def deployment(**annotations):
    return apps.Deployment(metadata=ObjectMeta(name="web", annotations=annotations or None))


def test_the_hash_is_the_same_for_the_same_template_only():
    assert history.template_hash(template(), None) == history.template_hash(template(), None)
    hashes = {
        history.template_hash(template(), None),
        history.template_hash(template("other"), None),
        history.template_hash(template(), 0),
        history.template_hash(template(), 1),
    }
    assert len(hashes) == 4
    assert all(set(digest) <= set(SAFE_ALPHABET) for digest in hashes)


def test_templates_are_compared_without_their_hash():
    marked = template(labels={"app": "web", "pod-template-hash": "abc"})
    assert history.same_template(template(), marked)
    assert not history.same_template(template("other"), marked)
    assert not history.same_template(template(labels={"app": "x"}), marked)


def test_a_rolled_back_replica_set_remembers_its_former_revisions():
    first = history.annotations_for(deployment(), None, 1)
    assert first == {history.REVISION: "1"}
    third = history.annotations_for(deployment(), first, 3)
    assert third == {history.REVISION: "3", history.REVISION_HISTORY: "1"}
    fifth = history.annotations_for(deployment(), third, 5)
    assert fifth == {history.REVISION: "5", history.REVISION_HISTORY: "1,3"}
    assert history.annotations_for(deployment(), fifth, 2) == fifth


def test_the_list_of_revisions_forgets_the_oldest_when_it_grows_too_long():
    annotations = {history.REVISION: "1000"}
    for number in range(1001, 2000):
        annotations = history.annotations_for(deployment(), annotations, number)
    kept = annotations[history.REVISION_HISTORY]
    assert len(kept) <= 2000
    assert kept.endswith("1997,1998") and not kept.startswith("1000")


def test_annotations_of_people_are_copied_those_of_tools_are_not():
    given = deployment(
        team="blue",
        **{
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            history.REVISION: "7",
        },
    )
    assert history.annotations_for(given, None, 1) == {"team": "blue", history.REVISION: "1"}


def replicaset(name, number, size=0, pods=0, observed=True):
    return apps.ReplicaSet(
        metadata=ObjectMeta(
            name=name,
            generation=2,
            creationTimestamp=None,
            annotations={history.REVISION: str(number)},
        ),
        spec=apps.ReplicaSetSpec(selector=models.meta_v1.LabelSelector(), replicas=size),
        status=apps.ReplicaSetStatus(replicas=pods, observedGeneration=2 if observed else 1),
    )


def test_only_idle_replica_sets_beyond_the_limit_are_pruned():
    old = [
        replicaset("c", 3),
        replicaset("a", 1, pods=1),
        replicaset("b", 2),
        replicaset("d", 4),
    ]
    assert [rs.metadata.name for rs in history.to_prune(old, 2)] == ["b"]
    assert [rs.metadata.name for rs in history.to_prune(old, 0)] == ["b", "c", "d"]
    assert history.to_prune(old, None) == []
    assert history.to_prune(old, history.UNLIMITED) == []
    assert history.to_prune([replicaset("x", 1, observed=False)], 0) == []


def test_a_collision_of_names_is_counted_and_gets_another_name():
    lab = Lab()
    web = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec: {containers: [{name: web, image: nginx}]}
    """
    lab.manager.stop("deployment-controller")
    made = lab.create(web)
    name = f"web-{history.template_hash(made.spec.template, None)}"
    squatter = replace(template("squatter"), metadata=ObjectMeta(labels={"app": "squatter"}))
    lab.client.create(
        apps.ReplicaSet(
            metadata=ObjectMeta(name=name, namespace="default", labels={"app": "squatter"}),
            spec=apps.ReplicaSetSpec(
                replicas=0,
                selector=models.meta_v1.LabelSelector(matchLabels={"app": "squatter"}),
                template=squatter,
            ),
        )
    )
    lab.manager.start("deployment-controller")
    lab.settle()
    assert lab.deployment().status.collisionCount == 1
    assert lab.deployment().status.availableReplicas == 1
    assert (
        name
        != f"web-{history.template_hash(made.spec.template, 1)}"
        in [rs.metadata.name for rs in lab.replicasets()]
    )
