"""Who can be reached where."""

import os
import socket

import pytest

from kubecourse.containers import (
    EngineError,
    client,
    containers,
    engines,
    get,
    holder,
    inspect,
    logs,
    port_map,
    remove,
    run,
    stop,
)
from kubecourse.containers.ports import free_port

pytestmark = pytest.mark.usefixtures("images")


def test_a_port_is_closed_until_it_is_published() -> None:
    port = free_port()
    inside = run("hello-c", "alone")
    assert inside.exposed == ["8080/tcp"]
    assert inside.ports == []
    assert get(port).problem == "refused" and "refused" in str(get(port))
    run("hello-c", "alone", publish={8080: port})
    answer = get(port)
    assert (answer.status, answer.body) == (200, f"Hello from {inspect('alone').id}\n")


def test_nothing_is_published_beyond_this_machine() -> None:
    both = [run("hello-c", name, publish={8080: 0}) for name in ("one", "two")]
    assert [port.host for each in both for port in each.ports] == ["127.0.0.1"] * 2
    assert len({get(each.port).body for each in both}) == 2, "two replicas, two ports"


def test_a_container_that_takes_its_time_to_listen_is_waited_for() -> None:
    assert get(run("hello", publish={8080: 0}).port).status == 200


def test_a_taken_port_is_told_with_what_holds_it() -> None:
    port = run("hello-c", "first", publish={8080: 0}).port
    with pytest.raises(EngineError) as error:
        run("hello-c", "second", publish={8080: port})
    assert error.value.reason == "port_taken"
    assert "port is already allocated" in error.value.said
    assert "taken by the container kubecourse-first" in str(error.value)
    assert [each.name for each in containers()] == ["kubecourse-first"], "nothing half-made stays"
    assert run("hello-c", "second", publish={8080: error.value.values["free"]}).ports


def test_a_program_can_hold_a_port_too() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError) as error:
            run("hello-c", publish={8080: port})
        assert "address already in use" in error.value.said
        assert f"(PID {os.getpid()})" in str(error.value)
    assert not holder(port)


def test_the_map_shows_what_the_engine_says() -> None:
    run("hello-c", "hidden")
    port = run("hello-c", "open", publish={8080: 0}).port
    found = port_map()
    (bridge,) = found.bridges
    about = client().networks.get("bridge").attrs["IPAM"]["Config"][0]
    assert (bridge.name, bridge.subnet) == ("bridge", about["Subnet"])
    assert [(each.name, [p.outside for p in each.ports]) for each in found.containers] == [
        ("kubecourse-hidden", []),
        ("kubecourse-open", [port]),
    ]
    assert all(each.gateway == bridge.gateway for each in found.containers)
    assert f"127.0.0.1:{port}" in str(found)
    assert "(not published)" in str(found)


def test_the_same_name_again_replaces_what_is_ours_only() -> None:
    first = run("hello-c", "again")
    assert run("hello-c", "again").id != first.id
    theirs = client().containers.create("kubecourse-hello-c", name="kubecourse-theirs")
    # What is made from an image of ours has our label; theirs is made from theirs.
    theirs.remove()
    client().api.import_image_from_data(bytes(1024), repository="theirs")
    theirs = client().containers.create("theirs", "/x", name="kubecourse-theirs")
    try:
        with pytest.raises(EngineError, match="not from this course"):
            run("hello-c", "theirs")
        with pytest.raises(EngineError):
            remove("theirs")
    finally:
        theirs.remove()
        client().images.remove("theirs")


def test_a_container_ends_when_it_is_asked_to() -> None:
    port = run("hello", publish={8080: 0}).port
    get(port)
    assert "GET / HTTP/1.1" in logs("hello")
    stopped = stop("hello")
    assert (stopped.status, stopped.exit_code, stopped.ports) == ("exited", 0, [])
    remove("hello")
    with pytest.raises(EngineError, match="no such container"):
        inspect("hello")


def test_no_such_image() -> None:
    with pytest.raises(EngineError, match="Build or pull it first"):
        run("no-such-image")


def test_ports_of_an_engine_elsewhere_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    client()
    monkeypatch.setattr(engines, "address", lambda: "ssh://somebody@elsewhere")
    with pytest.raises(EngineError, match="another machine"):
        run("hello-c", publish={8080: 0})
    with pytest.raises(EngineError, match="elsewhere"):
        get(8080)
