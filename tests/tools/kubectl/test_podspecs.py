"""What `kubectl set` makes of a pod template."""

import pytest

from kubecourse.tools.kubectl.commands.set import (
    environment_listing,
    resource_list,
    set_environment,
    set_images,
    set_resources,
)
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.podspecs import pod_spec


def deployment(*containers, init=()):
    spec = {"containers": list(containers)}
    if init:
        spec["initContainers"] = list(init)
    return {
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": spec}},
    }


WEB = {"name": "web", "image": "nginx:1", "env": [{"name": "A", "value": "1"}]}
LOG = {"name": "log", "image": "busybox"}


def test_images_are_set_by_container_and_the_object_itself_is_left_alone():
    obj = deployment(WEB, LOG, init=[{"name": "setup", "image": "busybox"}])
    changed = pod_spec(set_images(obj, {"web": "nginx:2", "setup": "busybox:2"}))
    assert [c["image"] for c in changed["containers"]] == ["nginx:2", "busybox"]
    assert changed["initContainers"][0]["image"] == "busybox:2"
    assert obj == deployment(WEB, LOG, init=[{"name": "setup", "image": "busybox"}])


def test_a_star_is_every_container():
    changed = pod_spec(set_images(deployment(WEB, LOG), {"*": "x"}))
    assert {c["image"] for c in changed["containers"]} == {"x"}


def test_a_container_that_is_not_there_is_an_error():
    with pytest.raises(KubectlError, match='unable to find container named "nope"'):
        set_images(deployment(WEB), {"nope": "x"})


def test_variables_are_changed_in_place_added_at_the_end_and_removed():
    wanted = [{"name": "B", "value": "2"}, {"name": "A", "value": "9"}]
    changed = pod_spec(set_environment(deployment(WEB, LOG), wanted, [], "web", True))
    assert changed["containers"][0]["env"] == [wanted[1], wanted[0]]
    assert "env" not in changed["containers"][1]
    changed = pod_spec(set_environment(deployment(WEB), [], ["A"], "*", True))
    assert changed["containers"][0]["env"] == []


def test_a_variable_can_be_protected():
    with pytest.raises(KubectlError, match="and --overwrite is false"):
        set_environment(deployment(WEB), [{"name": "A", "value": "2"}], [], "*", False)


def test_the_listing_names_each_container():
    source = {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    obj = deployment({**WEB, "env": [*WEB["env"], source]})
    assert environment_listing(obj, "*") == (
        "# Deployment web, container web\nA=1\n# K from secret s, key k\n"
    )


def test_resources_are_added_to_those_there_are():
    container = {**WEB, "resources": {"requests": {"cpu": "1"}}}
    changed = set_resources(deployment(container), "*", {"requests": resource_list("memory=0.5Gi")})
    requests = pod_spec(changed)["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "1", "memory": "512Mi"}
    with pytest.raises(KubectlError, match="expected <resource>=<value>"):
        resource_list("cpu")
