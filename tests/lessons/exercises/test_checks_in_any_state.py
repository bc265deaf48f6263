"""Whatever a learner does to a cluster, checks answer, and change nothing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubecourse import Cluster
from kubecourse.api.errors import ApiError
from kubecourse.lessons.exercises import Exercises
from kubecourse.lessons.exercises.exercise import Task, tasks
from kubecourse.lessons.exercises.prediction import chapters
from kubecourse.lessons.exercises.verdict import Outcome
from tests.sharing import LONG

CHAPTERS = [number for number in chapters() if tasks(number) and number != 2]
"""Those whose exercises are done on a cluster."""
TASKS = [task for number in CHAPTERS for task in tasks(number).values()]
NAMES = [task.name for task in TASKS if task.cluster is None]
DEPLOYMENTS = ("web", "video", "news", "api", "front", "stock", "prices", "shop")
LABELS = ("app=web", "app=api", "app=front", "track=canary", "tier=front", "app-", "graphics=yes")
PATCHES = (
    '{"spec": {"selector": null}}',
    '{"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}',
    '{"spec": {"replicas": null}}',
    '{"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}',
    '{"spec": {"paused": true}}',
    '{"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": null}]}}}}',
    '{"spec": {"template": {"spec": {"containers": [{"name": "app", "env": null}]}}}}',
    '{"metadata": {"annotations": {"kubecourse/given": "nonsense"}}}',
    '{"metadata": {"annotations": {"kubecourse/given": "7"}}}',
)

deployment = st.sampled_from(DEPLOYMENTS)
namespace = st.sampled_from([f"ex-{name}" for name in NAMES])


def commands() -> st.SearchStrategy[str]:
    """What people type, in the namespaces of the exercises."""

    def written(form: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
        return st.builds(lambda **values: form.format(**values), **parts)

    image = st.sampled_from(["kubecourse/shop:2.0", "kubecourse/shop:1.1", "Hello", "nginx:1.27"])
    kind = st.sampled_from(["deployment", "service"])
    label = st.sampled_from(LABELS)
    return st.one_of(
        written("scale deployment/{d} --replicas={n}", d=deployment, n=st.integers(0, 9)),
        written("set image deployment/{d} *={i}", d=deployment, i=image),
        written("set env deployment/{d} GREETING={v}", d=deployment, v=st.sampled_from("ab")),
        written("rollout undo deployment/{d}", d=deployment),
        written("rollout restart deployment/{d}", d=deployment),
        written("create deployment {d} --image={i}", d=deployment, i=image),
        written("expose deployment {d} --port={p}", d=deployment, p=st.sampled_from([80, 8080])),
        written("run {d} --image={i} --labels={l}", d=deployment, i=image, l=label),
        written("label pods --all {l} --overwrite", l=label),
        written("label nodes --all {l} --overwrite", l=label),
        written("patch {k} {d} -p '{p}'", k=kind, d=deployment, p=st.sampled_from(PATCHES)),
        written("delete {k} --all --wait=false", k=st.sampled_from(["pods", "services", "events"])),
        written("delete deployment {d}", d=deployment),
        written("delete replicasets --all"),
        written("cordon node-{n}", n=st.integers(1, 2)),
        written("delete node node-{n}", n=st.integers(1, 2)),
        namespace.map(lambda name: f"delete namespace {name} --wait=false"),
        written("patch namespace {n} -p '{p}'", n=namespace, p=st.sampled_from(PATCHES[-2:])),
    )


@settings(max_examples=120 if LONG else 15, deadline=None)
@given(
    chapter=st.sampled_from(CHAPTERS),
    steps=st.lists(
        st.tuples(namespace, commands(), st.sampled_from([0.0, 0.4, 30.0])), min_size=1, max_size=8
    ),
    answer=st.sampled_from(["", "web", "login", "node-1", "replicaset/x", "É/…"]),
)
def test_a_check_never_raises_and_only_reads(
    chapter: int, steps: list[tuple[str, str, float]], answer: str
) -> None:
    cluster = Cluster(nodes=2)
    exercises = Exercises(cluster, chapter=chapter)
    for exercise in exercises:
        if exercise.task.namespace in {place for place, _, _ in steps}:
            exercise.prepare()
    for place, command, seconds in steps:
        cluster.run(f"{command} -n {place}")
        cluster.advance(seconds)
        before, now = cluster.etcd.revision, cluster.now
        for exercise in exercises:
            assert repr(exercise.check(answer))
        assert (cluster.etcd.revision, cluster.now) == (before, now)


class Refusing:
    """A connection to an API server that lets nobody in."""

    def get(self, *_: Any, **__: Any) -> Any:
        raise ApiError(403, "Forbidden", "you shall not read")

    list = get


class Elsewhere:
    """A cluster that can be read and not written."""

    client = Refusing()


each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@each_task
def test_where_the_api_server_refuses_the_check_cannot_tell(task: Task) -> None:
    exercise = getattr(Exercises(Elsewhere(), chapter=task.chapter), task.name)
    if task.cluster is not None:
        exercise.cluster.client = Refusing()
    assert "you shall not read" in repr(exercise.check("web"))
    assert exercise.verdict().outcome is Outcome.UNCLEAR


@each_task
def test_before_it_is_shown_the_check_says_how_to_show_it(task: Task) -> None:
    exercise = getattr(Exercises(Cluster(nodes=1), chapter=task.chapter), task.name)
    assert exercise.verdict().outcome is Outcome.UNCLEAR
    assert f"ex.{task.name}" in repr(exercise.check())


HAVOC = (
    "set resources deployments --all --requests=cpu=0",
    "scale deployments --all --replicas=0",
    "label nodes --all kubecourse.dev/pool- kubecourse.dev/spot-",
    "delete pdb,pvc,cronjobs --all --wait=false",
    "delete nodes --all",
    "delete deployments,statefulsets,services --all",
    "delete configmaps --all",
)


@pytest.mark.parametrize(
    "task", [t for t in TASKS if t.cluster is not None and t.chapter == 5], ids=lambda t: t.name
)
def test_on_a_cluster_of_its_own_it_does_not_raise_either(task: Task) -> None:
    exercise = getattr(Exercises(Cluster(nodes=1), chapter=task.chapter), task.name)
    lab = exercise.cluster
    for command in HAVOC:
        lab.run(command)
        lab.advance(90)
        before, now = lab.etcd.revision, lab.now
        assert repr(exercise.check("web"))
        assert (lab.etcd.revision, lab.now) == (before, now)
