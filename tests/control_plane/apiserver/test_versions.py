"""Kinds that can be asked for in a version that they are not stored in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubecourse import Cluster

AUTOSCALER = """
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 5
  targetCPUUtilizationPercentage: 50
"""
OLD = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/web"


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster(nodes=1)
    cluster.run("create deployment web --image=nginx")
    return cluster


def old(cluster: Cluster) -> Any:
    return json.loads(cluster.run(f"get --raw {OLD}").text)


def test_an_autoscaler_of_v1_scales_by_cpu(cluster: Cluster) -> None:
    answer = cluster.run("apply -f -", AUTOSCALER).text
    assert answer == "horizontalpodautoscaler.autoscaling/web created\n"
    assert "unchanged" in cluster.run("apply -f -", AUTOSCALER).text
    assert cluster.run("diff -f -", AUTOSCALER).text == ""
    cluster.advance(60)
    assert "/50%" in cluster.run("get hpa web").text
    assert old(cluster)["apiVersion"] == "autoscaling/v1"
    assert old(cluster)["spec"]["targetCPUUtilizationPercentage"] == 50
    assert cluster.run("get deploy web -o jsonpath={.spec.replicas}").text == "2"


def test_it_is_one_object_in_both_versions(cluster: Cluster) -> None:
    cluster.run("apply -f -", AUTOSCALER)
    lines = cluster.run("get hpa -o name").text
    assert lines == "horizontalpodautoscaler.autoscaling/web\n"
    patch = """'{"spec": {"targetCPUUtilizationPercentage": 60}}'"""
    cluster.run(f"patch horizontalpodautoscalers.v1.autoscaling web -p {patch}")
    path = "{.spec.metrics[0].resource.target.averageUtilization}"
    assert cluster.run(f"get hpa web -o jsonpath={path}").text == "60"
    said = cluster.run("apply --server-side --force-conflicts -f -", AUTOSCALER).text
    assert "serverside-applied" in said
    assert cluster.run(f"get hpa web -o jsonpath={path}").text == "50"


def test_what_v1_has_no_words_for_outlives_its_changes(cluster: Cluster) -> None:
    cluster.run("apply -f -", AUTOSCALER)
    memory = {"type": "Utilization", "averageUtilization": 70}
    metric = {"type": "Resource", "resource": {"name": "memory", "target": memory}}
    patch = [{"op": "add", "path": "/spec/metrics/-", "value": metric}]
    cluster.run(["patch", "hpa", "web", "--type=json", "-p", json.dumps(patch)])
    assert "metrics" in "".join(old(cluster)["metadata"]["annotations"])
    change = """'{"spec": {"maxReplicas": 9}}'"""
    cluster.run(f"patch horizontalpodautoscalers.v1.autoscaling web -p {change}")
    path = "'{.spec.metrics[*].resource.name} {.spec.maxReplicas}'"
    assert cluster.run(f"get hpa web -o jsonpath={path}").text == "cpu memory 9"


def test_unknown_fields_are_those_of_the_version(cluster: Cluster) -> None:
    wrong = AUTOSCALER.replace("targetCPUUtilizationPercentage: 50", "metrics: []")
    assert 'unknown field "spec.metrics"' in cluster.run("create -f -", wrong).text
