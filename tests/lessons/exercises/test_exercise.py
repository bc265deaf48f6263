"""What a learner holds: an exercise that is shown, hinted at, solved and begun anew."""

import pytest

from kubecourse import Cluster
from kubecourse.lessons.exercises import Exercises
from kubecourse.lessons.exercises.reply import html
from kubecourse.lessons.exercises.verdict import Outcome


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(nodes=3)


@pytest.fixture
def ex(cluster: Cluster) -> Exercises:
    return Exercises(cluster, chapter=4)


def test_showing_an_exercise_prepares_the_cluster_once(cluster: Cluster, ex: Exercises) -> None:
    shown = ex.scale._repr_mimebundle_()
    assert "Give it five" in shown["text/plain"] and "Give it five" in shown["text/html"]
    assert cluster.pods("web", "ex-scale")
    before = cluster.etcd.revision, cluster.now
    ex.scale._repr_mimebundle_()
    assert (cluster.etcd.revision, cluster.now) == before


def test_a_new_kernel_goes_on_where_the_last_one_ended(cluster: Cluster, ex: Exercises) -> None:
    ex.scale.prepare()
    cluster.run("scale deployment/web --replicas=5 -n ex-scale")
    cluster.settle()
    assert Exercises(cluster, chapter=4).scale.verdict().outcome is Outcome.RIGHT


def test_what_was_prepared_by_half_is_finished(cluster: Cluster, ex: Exercises) -> None:
    cluster.run("create namespace ex-scale")
    assert ex.scale.verdict().outcome is Outcome.UNCLEAR
    ex.scale.prepare()
    assert ex.scale.verdict().outcome is Outcome.UNTRIED


def test_two_hints_come_one_after_the_other(ex: Exercises) -> None:
    first, second, third = (repr(ex.scale.hint()) for _ in range(3))
    assert first.startswith("Hint 1 of 2.") and second.startswith("Hint 2 of 2.")
    assert "ex.scale.solution()" in second and third == second


def test_the_solution_is_shown_as_a_cell_and_not_run(cluster: Cluster, ex: Exercises) -> None:
    ex.scale.prepare()
    assert "    cluster.settle()" in repr(ex.scale.solution())
    assert ex.scale.verdict().outcome is Outcome.UNTRIED


def test_an_answer_is_kept_until_the_next(ex: Exercises) -> None:
    ex.table.prepare()
    assert repr(ex.table.check("mail")).startswith("✗")
    assert repr(ex.table.check()).startswith("✗")
    assert repr(ex.table.check(" search ")).startswith("✓")


def test_beginning_anew_deletes_no_namespace_of_others(cluster: Cluster, ex: Exercises) -> None:
    cluster.run("create namespace ex-scale")
    cluster.run("create deployment mine --image=nginx -n ex-scale")
    ex.scale.reset()
    assert cluster.get("deployment/mine", "ex-scale") is not None


def test_preparing_leaves_the_default_namespace_alone(cluster: Cluster, ex: Exercises) -> None:
    for exercise in ex:
        exercise.prepare()
    assert cluster.list("pods") == cluster.list("deployments") == []


def test_all_exercises_are_listed_with_what_is_done(ex: Exercises) -> None:
    ex.scale.apply_solution()
    ex.scale.check()
    assert "✓ ex.scale" in repr(ex).splitlines()
    assert "○ ex.canary" in repr(ex).splitlines()
    assert dir(ex) == sorted(exercise.task.name for exercise in ex)


def test_an_exercise_that_is_not_there_names_those_that_are(ex: Exercises) -> None:
    with pytest.raises(AttributeError, match=r"no exercise 'scael' here: there are .*scale"):
        _ = ex.scael


def test_a_chapter_without_exercises_says_so(cluster: Cluster) -> None:
    with pytest.raises(FileNotFoundError):
        Exercises(cluster, chapter=99)


def test_messages_become_html() -> None:
    assert "<strong>No.</strong> a &lt; b" in html("**No.** a < b", "#000000")
    assert "<code>get pods</code>" in html("see `get pods`", "#000000")
    assert "<pre>one\n\n  two &amp; three</pre>" in html("    one\n\n      two & three", "#000000")


def test_an_exercise_that_breaks_machines_has_a_cluster_to_itself(cluster: Cluster) -> None:
    broken = Exercises(cluster, chapter=3).buried
    lab = broken.cluster
    assert lab is broken.cluster is not cluster
    assert "ex.buried.cluster" in repr(broken)
    lab.run("delete node node-2")
    assert "a new cluster" in repr(broken.reset())
    assert broken.cluster is not lab
    assert broken.verdict().outcome is Outcome.UNTRIED
    assert cluster.now < 1
