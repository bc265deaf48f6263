"""Service accounts' tokens: JSON web tokens, signed with a key that leaves no trace.

Source: `pkg/serviceaccount/{jwt,claims}.go`.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from kubecourse.api.resources import BY_PLURAL
from kubecourse.clock import Clock
from kubecourse.control_plane.apiserver.authorization import AUTHENTICATED, SERVICE_ACCOUNT, User

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.server import APIServer

ISSUER = "https://kubernetes.default.svc.cluster.local"
HOUR = 3600
SHORTEST = 600
"""Seconds that a token is good for at least."""
ACCOUNTS = BY_PLURAL["", "v1", "serviceaccounts"]

_keys: WeakKeyDictionary[Clock, bytes] = WeakKeyDictionary()


def _key(server: APIServer) -> bytes:
    return _keys.setdefault(server.clock, secrets.token_bytes(32))


def _packed(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(server: APIServer, text: str) -> str:
    return _packed(hmac.digest(_key(server), text.encode(), "sha256"))


def issue(server: APIServer, account: Any, seconds: int, audiences: list[str]) -> str:
    """A token with which its bearer is a service account for some virtual seconds."""
    now = int(server.clock.utc().timestamp())
    metadata = account.metadata
    claims = {
        "aud": audiences or [ISSUER],
        "exp": now + seconds,
        "iat": now,
        "iss": ISSUER,
        "jti": secrets.token_hex(16),
        "kubernetes.io": {
            "namespace": metadata.namespace,
            "serviceaccount": {"name": metadata.name, "uid": metadata.uid},
        },
        "nbf": now,
        "sub": f"{SERVICE_ACCOUNT}{metadata.namespace}:{metadata.name}",
    }
    head = {"alg": "HS256", "typ": "JWT"}
    text = ".".join(_packed(json.dumps(part).encode()) for part in (head, claims))
    return f"{text}.{_signature(server, text)}"


def bearer(server: APIServer, token: str) -> User | None:
    """Whose token it is; None if it is not ours, has expired, or its account is gone."""
    text, _, signature = token.rpartition(".")
    expected = _signature(server, text)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        return None
    packed = text.partition(".")[2]
    claims = json.loads(urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    if claims["exp"] <= server.clock.utc().timestamp() or ISSUER not in claims["aud"]:
        return None
    held = claims["kubernetes.io"]
    namespace, named = held["namespace"], held["serviceaccount"]
    account = server.find(ACCOUNTS, namespace, named["name"])
    if account is None or account.metadata.uid != named["uid"]:
        return None
    return User(claims["sub"], (*groups(namespace), AUTHENTICATED))


def groups(namespace: str) -> tuple[str, str]:
    """The groups that the service accounts of a namespace are in."""
    return "system:serviceaccounts", f"system:serviceaccounts:{namespace}"


def expiry(server: APIServer, seconds: int) -> str:
    """When a token of now will have expired."""
    return f"{server.clock.utc() + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
