"""Who asks: bearer tokens, and impersonation.

Source: `staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation.go`.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from kubecourse.api import errors
from kubecourse.control_plane.apiserver import authorization, tokens
from kubecourse.control_plane.apiserver.authorization import (
    AUTHENTICATED,
    MASTERS,
    SERVICE_ACCOUNT,
    Attributes,
    User,
)

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

    from kubecourse.control_plane.apiserver.http.containers import Front

ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


class Access:
    """The tokens of one cluster, and whose they are."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._users: dict[str, User] = {}

    def token(self, user: User) -> str:
        """A new token for a user."""
        token = secrets.token_urlsafe(32)
        self._users[token] = user
        return token

    def user(self, headers: CIMultiDictProxy[str]) -> User:
        """Who asks, or whom he speaks for. Raises Unauthorized, Forbidden."""
        scheme, _, token = printable(headers.get("Authorization", "")).partition(" ")
        user = self._bearer(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.ApiError(401, "Unauthorized", "Unauthorized")
        name = printable(headers.get("Impersonate-User", ""))
        groups = tuple(map(printable, headers.getall("Impersonate-Group", ())))
        return self._impersonate(user, name, groups) if name or groups else user

    def _bearer(self, token: str) -> User | None:
        for known, user in self._users.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return user
        return tokens.bearer(self._front.server, token)

    def _impersonate(self, user: User, name: str, groups: tuple[str, ...]) -> User:
        if not name:
            raise errors.bad_request("requested groups without impersonating a user")
        if name.startswith(SERVICE_ACCOUNT) and name.count(":") == 3:
            namespace, account = name.removeprefix(SERVICE_ACCOUNT).split(":")
            asked = [Attributes("impersonate", "", "serviceaccounts", "", account, namespace)]
            groups = groups or tuple(tokens.groups(namespace))
        else:
            asked = [Attributes("impersonate", resource="users", name=name)]
        asked += [Attributes("impersonate", resource="groups", name=group) for group in groups]
        for wanted in asked:
            authorization.check(self._front.server, user, wanted)
        return User(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))))


def printable(text: str) -> str:
    """Text from the wire without what no text may contain."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
