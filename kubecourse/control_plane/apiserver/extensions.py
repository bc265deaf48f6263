"""What add-ons bring to an API server: groups that they serve themselves, and webhooks.

The real server learns of them from APIService and MutatingWebhookConfiguration objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubecourse.api import errors


class Extensions:
    """`groups`: who serves an API group, by apiVersion. `webhooks`: who may change new objects."""

    def __init__(self) -> None:
        self.groups: dict[str, Any] = {}
        self.webhooks: dict[str, list[Callable[[Any], Any]]] = {}

    def group(self, api_version: str) -> Any:
        """Who serves a group. Raises NotFound if nobody does."""
        if api_version not in self.groups:
            raise errors.no_such_path()
        return self.groups[api_version]

    def answer(self, path: str, query: Mapping[str, str]) -> Any:
        """What one of the groups answers to a GET, or None if the path is not one of theirs."""
        match path.strip("/").split("/"):
            case ["apis", name] if found := self._versions(name):
                listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in found]
                return {
                    "kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": listed,
                    "preferredVersion": listed[0],
                }  # fmt: skip
            case ["apis", name, version, *rest] if f"{name}/{version}" in self.groups:
                return self.groups[f"{name}/{version}"].answer(rest, query)
        return None

    def listed(self, document: Any) -> Any:
        """The document of all groups, with these at its end."""
        names = list(dict.fromkeys(name.partition("/")[0] for name in self.groups))
        if document["kind"] == "APIGroupList":
            own = [self.answer(f"/apis/{name}", {}) for name in names]
            rows = [
                {k: v for k, v in row.items() if k not in ("kind", "apiVersion")} for row in own
            ]
            return {**document, "groups": [*document["groups"], *rows]}
        items = []
        for name in names:
            versions = []
            for version in self._versions(name):
                resources = [
                    {
                        "resource": row["name"], "singularResource": "", "verbs": row["verbs"],
                        "responseKind": {"group": "", "version": "", "kind": row["kind"]},
                        "scope": "Namespaced" if row["namespaced"] else "Cluster",
                    }
                    for row in self.answer(f"/apis/{name}/{version}", {})["resources"]
                ]  # fmt: skip
                fresh = {"version": version, "freshness": "Current", "resources": resources}
                versions.append(fresh)
            items.append({"metadata": {"name": name}, "versions": versions})
        return {**document, "items": [*document["items"], *items]}

    def _versions(self, name: str) -> list[str]:
        places = (place.partition("/") for place in self.groups)
        return [version for group, _, version in places if group == name]
