"""Helm's releases as the cluster has them: a Secret for each revision, read without Helm."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, NamedTuple

import yaml

from kubecourse.api import models
from kubecourse.lessons.exercises.view import View

core = models.core_v1
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


def releases(there: View) -> dict[str, list[Release]]:
    """The revisions of each release in the namespace, the oldest first."""
    found: dict[str, list[Release]] = {}
    for secret in there.list(core.Secret, OWNER):
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
