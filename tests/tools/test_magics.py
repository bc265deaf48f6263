"""kubectl in the cells of a notebook."""

import pytest

pytest.importorskip("IPython")
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell():
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "kubecourse")
    yield shell
    InteractiveShell.clear_instance()


def test_without_a_cluster_it_says_what_to_do(shell, capsys):
    shell.run_line_magic("kubectl", "get pods")
    output = capsys.readouterr()
    assert (output.out, output.err) == (
        "",
        "error: there is no cluster yet: run `cluster = Cluster()` first\n",
    )


def test_a_line_is_a_command_on_the_cluster_of_the_notebook(shell, capsys):
    shell.run_cell("from kubecourse import Cluster\nmine = Cluster(nodes=1)")
    shell.run_line_magic("kubectl", "get nodes -o name")
    assert capsys.readouterr().out == "node/node-1\n"


def test_a_cell_is_standard_input(shell, capsys):
    shell.run_cell("from kubecourse import Cluster\ncluster = Cluster(nodes=1)")
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    shell.run_cell_magic("kubectl", "apply -f -", manifest)
    assert capsys.readouterr().out == "configmap/x created\n"


def test_of_two_clusters_the_one_called_cluster_is_meant(shell, capsys):
    shell.run_cell(
        "from kubecourse import Cluster\nother = Cluster(nodes=2)\ncluster = Cluster(nodes=1)"
    )
    shell.run_line_magic("kubectl", "get nodes -o name")
    assert capsys.readouterr().out == "node/node-1\n"


def test_an_error_is_a_line_and_no_traceback(shell, capsys):
    shell.run_cell("from kubecourse import Cluster\ncluster = Cluster(nodes=1)")
    result = shell.run_cell("%kubectl get foos")
    assert result.success
    assert capsys.readouterr().out == ('error: the server doesn\'t have a resource type "foos"\n')


@pytest.mark.parametrize("call", ["cluster.kubectl('get nodes')", "cluster.run('get nodes')"])
def test_what_a_command_printed_is_shown_once(shell, capsys, call):
    shell.run_cell("from kubecourse import Cluster\ncluster = Cluster(nodes=1)")
    shell.run_cell(call)
    output = capsys.readouterr().out
    assert output.count("node-1") == 1
    assert "Output(" not in output


def test_what_stands_behind_a_bar_is_the_machines_own(shell, capsys, tmp_path):
    shell.run_cell("from kubecourse import Cluster\ncluster = Cluster(nodes=3)")
    shell.run_line_magic("kubectl", "get nodes | grep node-2 | wc -l")
    shell.run_line_magic("kubectl", "get nodes -o jsonpath='{.items[0].kind} | {.kind}'")
    shell.run_line_magic("kubectl", f"get nodes -o name > {tmp_path}/nodes")
    assert capsys.readouterr().out.split() == ["1", "Node", "|", "List"]
    assert (tmp_path / "nodes").read_text() == "node/node-1\nnode/node-2\nnode/node-3\n"


def test_whoever_has_a_cluster_has_the_magics_however_often(capsys, monkeypatch):
    fresh = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: fresh)
    for _ in range(2):
        assert fresh.run_cell("from kubecourse import Cluster\ncluster = Cluster(nodes=1)").success
    fresh.run_line_magic("kubectl", "get nodes -o name")
    assert capsys.readouterr().out == "node/node-1\n"
    InteractiveShell.clear_instance()
