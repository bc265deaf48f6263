"""Following one apply: forward, back, in words and as arrows."""

import re

import pytest

from kubecourse import Cluster
from kubecourse.lessons import messages
from kubecourse.lessons.still import still
from kubecourse.lessons.widgets import FollowApply, follow, map
from kubecourse.tools.past import Past
from tests.tools.test_hops import MANIFEST, URL


@pytest.fixture(scope="module", params=[1, 3])
def widget(request: pytest.FixtureRequest) -> FollowApply:
    return FollowApply(Cluster(nodes=3, control_plane=request.param), MANIFEST, URL)


def test_it_begins_with_kubectl_and_ends_with_an_answer(widget: FollowApply) -> None:
    widget.hop.value = 1
    assert widget.text.startswith("kubectl asks for /apis/apps/v1/namespaces/default/deployments")
    widget.hop.value = widget.hop.max
    assert re.match(r"pod/web-\S+ answers: Hello from web-", widget.text)


def test_buttons_go_forward_and_back_and_stop_at_the_ends(widget: FollowApply) -> None:
    widget.hop.value = 1
    widget.next.click()
    assert widget.hop.value == 2
    widget.previous.click()
    widget.previous.click()
    assert widget.hop.value == 1
    widget.hop.value = widget.hop.max
    widget.next.click()
    assert widget.hop.value == widget.hop.max


def test_every_message_has_an_arrow_between_two_places(widget: FollowApply) -> None:
    widget.every.value = True
    nodes = widget.picture.value.count(">containerd<")
    for number in range(1, widget.hop.max + 1):
        widget.hop.value = number
        arrows = widget.picture.value.count("<polygon")
        assert arrows == (nodes if widget.shown.target == "kube-proxy@*" else 1), widget.text
    widget.every.value = False


def test_the_map_shows_what_there_was_at_the_moment_of_the_message(widget: FollowApply) -> None:
    def cells() -> int:
        return widget.picture.value.count('rx="3"><title>web-')

    numbers = []
    for number in range(1, widget.hop.max + 1):
        widget.hop.value = number
        numbers.append(cells())
    assert numbers[0] == 0 and numbers[-1] == 2
    assert numbers == sorted(numbers)


def test_the_table_is_what_is_shown(widget: FollowApply) -> None:
    assert len(widget.table) == widget.hop.max
    assert len(repr(widget.table).splitlines()) == widget.hop.max + 1


def test_the_cluster_of_the_lesson_goes_on_undisturbed() -> None:
    cluster = Cluster(nodes=1)
    now, revision = cluster.now, cluster.etcd.revision
    FollowApply(cluster, MANIFEST, URL)
    assert (cluster.now, cluster.etcd.revision, cluster.pods()) == (now, revision, [])


def test_all_sentences_are_there_in_both_languages(widget: FollowApply) -> None:
    for language in messages.LANGUAGES:
        with messages.speaking(language):
            said = [follow.sentence(hop) for hop in widget.all]
            assert all(said)
            korean = sum(bool(re.search("[가-힣]", each)) for each in said)
            assert korean == (len(said) if language == "ko" else 0)


def test_the_still_has_the_sentence(widget: FollowApply) -> None:
    widget.hop.value = 2
    assert "kubectl creates deployment/web" in still(widget)
    assert re.search(r"resourceVersion \d+", still(widget))


def test_an_arrow_joins_edges() -> None:
    cluster = Cluster(nodes=2)
    scene = map.scene(Past(cluster.etcd, cluster.clock), map.planes(cluster), map.workers(cluster))
    places = map.Plan(scene, follow.TOP).places
    kubelet, etcd = places["kubelet@node-1"], places["etcd@control-plane-1"]
    line = follow._arrow(kubelet, etcd)[2].split('d="')[1]
    _, y, _, to_y = [float(number) for number in re.findall(r"[-\d.]+", line)[:4]]
    assert y == pytest.approx(kubelet.y, abs=0.1)
    assert to_y == pytest.approx(etcd.y + etcd.height, abs=0.1)
