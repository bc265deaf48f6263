"""Chapter 4's checks on Helm: releases as the cluster has them, read without Helm.

Helm keeps a Secret for each revision of a release.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, NamedTuple

import yaml

from kubecourse.api import models
from kubecourse.lessons.exercises.verdict import Verdict, right, unclear, untried, wrong
from kubecourse.lessons.exercises.view import View, container, image, replicas

apps, core = models.apps_v1, models.core_v1
OWNER = {"owner": "helm"}


class Release(NamedTuple):
    """A revision: the values that were given, what was made of them, and how it ended."""

    name: str
    revision: int
    status: str
    values: dict[str, Any]
    manifest: str

    def deployment(self) -> dict[str, Any]:
        """The Deployment that its chart wants."""
        documents = (one for one in yaml.safe_load_all(self.manifest) if isinstance(one, dict))
        return next((one for one in documents if one.get("kind") == "Deployment"), {})


def opened(secret: Any) -> dict[str, Any] | None:
    """What is in a release's Secret: JSON, packed, written in base64, as all Secrets once more."""
    try:
        packed = base64.b64decode(base64.b64decode(secret.data["release"]))
        release: dict[str, Any] = json.loads(gzip.decompress(packed))
    except (KeyError, TypeError, ValueError, OSError, EOFError):
        return None
    return release if isinstance(release, dict) and release.get("name") else None


def releases(view: View) -> dict[str, list[Release]]:
    """The revisions of each release in the namespace, the oldest first."""
    found: dict[str, list[Release]] = {}
    for secret in view.list(core.Secret, OWNER):
        if (release := opened(secret)) is not None:
            one = Release(
                str(release.get("name")),
                release.get("version") or 0,
                str((release.get("info") or {}).get("status")),
                release.get("config") or {},
                str(release.get("manifest")),
            )
            found.setdefault(one.name, []).append(one)
    return {
        name: sorted(revisions, key=lambda one: one.revision) for name, revisions in found.items()
    }


# --- the checks


def release(view: View) -> Verdict:
    """A release `greeter`: three pods that say Moin, because its values say so."""
    found = releases(view)
    if "greeter" not in found:
        if found:
            return wrong("other_name", name=next(iter(found)))
        if view.list(apps.Deployment):
            return wrong("no_release")
        elsewhere = view.elsewhere(core.Secret, "sh.helm.release.v1.greeter.v1")
        return wrong("elsewhere", namespace=elsewhere) if elsewhere else untried()
    greeter = view.deployment("greeter")
    told, made = _chosen(found["greeter"][-1]), _running(greeter)
    for name, wanted in {"replicas": 3, "greeting": "Moin"}.items():
        if told[name] != made[name]:
            return wrong("by_hand", name=name, told=told[name], made=made[name])
        if told[name] != wanted:
            return wrong("value", name=name, value=told[name])
    return view.rollout(greeter) or right()


def goback(view: View) -> Verdict:
    """Back to what revision 2 made, and Helm knows it."""
    web, revisions = view.deployment("web"), releases(view).get("web", [])
    if not view.is_given(web):
        return wrong("made_anew")
    good = next((one for one in revisions if one.revision == 2), None)
    if good is None:
        return unclear("gone", name="goback")
    last = revisions[-1]
    told, made, wanted = _chosen(last), _running(web), _chosen(good)
    if told != made:
        return wrong("by_hand", told=told["image"], made=made["image"])
    if last.revision == 3:
        return untried()
    if last.manifest == revisions[0].manifest:
        return wrong("too_far")
    if told["greeting"] != wanted["greeting"]:
        return wrong("dropped", told=told["greeting"], wanted=wanted["greeting"])
    if told != wanted:
        return wrong("different", revision=last.revision)
    return view.rollout(web) or right(revision=last.revision)


def culprit(view: View) -> Verdict:
    """Name the revision that changed the port."""
    said = view.answer
    ports = {one.revision: one.values.get("port", 80) for one in releases(view).get("api", [])}
    changed = [revision for revision, port in ports.items() if port != 80]
    if not changed:
        return unclear("gone", name="culprit")
    answer = int(said) if said.isdecimal() else 0
    if answer not in ports:
        return wrong("nothing", answer=said)
    if answer == changed[0]:
        return right(revision=answer)
    return wrong("later" if answer > changed[0] else "earlier", revision=answer)


def _chosen(release: Release) -> dict[str, Any]:
    """What a release says of the Deployment in data/charts/hello; other charts say nothing."""
    try:
        spec = release.deployment()["spec"]
        first = spec["template"]["spec"]["containers"][0]
        greeting = first["env"][0]["value"]
    except (KeyError, IndexError, TypeError):
        return dict.fromkeys(("replicas", "greeting", "image"))
    return {"replicas": spec.get("replicas"), "greeting": greeting, "image": first["image"]}


def _running(deployment: Any) -> dict[str, Any]:
    """The same of a Deployment in the cluster."""
    values = {one.name: one.value for one in container(deployment).env or ()}
    return {
        "replicas": replicas(deployment),
        "greeting": values.get("GREETING"),
        "image": image(deployment),
    }
