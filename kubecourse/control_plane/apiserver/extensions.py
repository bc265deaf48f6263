"""What add-ons bring to an API server: groups that they serve themselves, and webhooks.

The real server learns of them from APIService and MutatingWebhookConfiguration objects.
"""

from __future__ import annotations

from collections.abc import Callable
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
