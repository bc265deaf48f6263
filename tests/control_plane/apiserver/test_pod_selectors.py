"""A pod's selectors are narrowed by its own labels when it is created."""

from typing import Any

import yaml

from tests.control_plane.scheduler.replay import World

POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME, labels: {app: shop, version: two, tenant: left}}
spec:
  containers: [{name: c, image: "shop:1"}]
  topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: DoNotSchedule
    matchLabelKeys: [version, absent]
    labelSelector: {matchLabels: {app: shop}}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 5
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          mismatchLabelKeys: [tenant]
          labelSelector: {matchLabels: {app: shop}}
"""


def selected(selector: Any) -> list[tuple[str, str, list[str]]]:
    assert selector.matchLabels == {"app": "shop"}
    return [(e.key, e.operator, e.values) for e in selector.matchExpressions]


def test_keys_are_written_out_with_the_pods_own_values() -> None:
    world = World()
    spec = world.create(POD.replace("NAME", "p")).spec
    spread = spec.topologySpreadConstraints[0]
    assert selected(spread.labelSelector) == [("version", "In", ["two"])]
    assert spread.matchLabelKeys == ["version", "absent"]
    wish = spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]
    assert selected(wish.podAffinityTerm.labelSelector) == [("tenant", "NotIn", ["left"])]


def test_pods_without_such_keys_keep_what_they_said() -> None:
    world = World()
    given = yaml.safe_load(POD.replace("NAME", "p"))
    del given["spec"]["topologySpreadConstraints"], given["spec"]["affinity"]
    spec = world.create(yaml.safe_dump(given)).spec
    assert spec.affinity is None
    assert spec.topologySpreadConstraints is None
