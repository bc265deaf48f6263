"""What `kubectl apply` would send for a manifest: a request that learners can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubecourse.api import yaml
from kubecourse.lessons.messages import text
from kubecourse.tools.kubectl.changing import LAST_APPLIED
from kubecourse.tools.kubectl.commands.apply import apply_patch
from kubecourse.tools.kubectl.connection import Connection
from kubecourse.tools.kubectl.resources import Info, find_resource

if TYPE_CHECKING:
    from kubecourse.cluster import Cluster


def patch(cluster: Cluster, manifest: str) -> str:
    """The patch that makes an object of the cluster what a manifest says, as YAML.

    The copy of the manifest that goes along in an annotation is left out, and said to be.
    """
    wanted = yaml.load(manifest)
    metadata = wanted["metadata"]
    namespace = metadata.setdefault("namespace", "default")
    info = Info(find_resource(wanted["kind"].lower()), namespace, metadata["name"], wanted)
    sent: dict[str, Any] = apply_patch(info.resource, wanted, Connection(cluster).get(info))
    annotations = sent.get("metadata", {}).get("annotations", {})
    if LAST_APPLIED in annotations:
        annotations[LAST_APPLIED] = text("widgets.copy_of_the_file")
    return yaml.dump(sent).rstrip()
