"""Reviews: questions to the API server that are put like objects and stored nowhere.

Who am I, may I, what may I do, whose token is this. Source: `pkg/registry/authentication`,
`pkg/registry/authorization`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kubecourse.api import codec, errors
from kubecourse.control_plane.apiserver import authorization, body, tokens
from kubecourse.control_plane.apiserver.authorization import Attributes, User

if TYPE_CHECKING:
    from kubecourse.control_plane.apiserver.call import Call, Request
    from kubecourse.control_plane.apiserver.server import APIServer

Json = dict[str, Any]
Review = Callable[["APIServer", User, Json], Json]
"""From who asks, and the spec, to the status."""


def _access(server: APIServer, user: User, spec: Json) -> Json:
    on, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (on is None) == (path is None):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        problem = errors.invalid("spec.resourceAttributes", None, why)
        kind = "SelfSubjectAccessReview"
        raise errors.invalid_object(kind, "authorization.k8s.io", "", [problem])
    if on is not None:
        known = ("verb", "group", "resource", "subresource", "name", "namespace")
        wanted = Attributes(**{key: on[key] for key in known if key in on} | {"verb": _verb(on)})
    else:
        wanted = Attributes(_verb(path or {}), path=(path or {}).get("path", ""))
    reason = authorization.allowed(server, user, wanted)
    return {"allowed": reason is not None} | ({"reason": reason} if reason else {})


def _verb(given: Json) -> str:
    verb: str = given.get("verb", "")
    return verb


def _access_of(server: APIServer, user: User, spec: Json) -> Json:
    return _access(server, User(spec.get("user", ""), tuple(spec.get("groups") or ())), spec)


def _rules(server: APIServer, user: User, spec: Json) -> Json:
    everything = {"verbs": ["*"]}
    status: Json = {"resourceRules": [], "nonResourceRules": [], "incomplete": False}
    if authorization.MASTERS in user.groups:
        status["resourceRules"].append({**everything, "apiGroups": ["*"], "resources": ["*"]})
        status["nonResourceRules"].append({**everything, "nonResourceURLs": ["*"]})
    for _, rule in authorization.rules(server, user, spec.get("namespace") or ""):
        shown = codec.encode(rule)
        status["nonResourceRules" if "nonResourceURLs" in shown else "resourceRules"].append(shown)
    return status


def _identity(server: APIServer, user: User, spec: Json) -> Json:
    return {"userInfo": {"username": user.name, "groups": list(user.groups)}}


def _token(server: APIServer, user: User, spec: Json) -> Json:
    bearer = tokens.bearer(server, spec.get("token") or "")
    if bearer is None:
        return {"authenticated": False, "user": {}, "error": "invalid bearer token"}
    return {
        "authenticated": True,
        "audiences": [tokens.ISSUER],
        "user": {"username": bearer.name, "groups": list(bearer.groups)},
    }


_AUTHORIZATION, _AUTHENTICATION = "/apis/authorization.k8s.io/v1", "/apis/authentication.k8s.io/v1"
_REVIEWS: dict[str, tuple[str, Review]] = {
    f"{_AUTHORIZATION}/selfsubjectaccessreviews": ("SelfSubjectAccessReview", _access),
    f"{_AUTHORIZATION}/subjectaccessreviews": ("SubjectAccessReview", _access_of),
    f"{_AUTHORIZATION}/selfsubjectrulesreviews": ("SelfSubjectRulesReview", _rules),
    f"{_AUTHENTICATION}/selfsubjectreviews": ("SelfSubjectReview", _identity),
    f"{_AUTHENTICATION}/tokenreviews": ("TokenReview", _token),
}


def answer(server: APIServer, path: str, request: Request) -> Json | None:
    """The review that a request asks for, with its status; None if it asks for none."""
    if path not in _REVIEWS or request.method != "POST":
        return None
    kind, review = _REVIEWS[path]
    asked = body.read(request, kind)
    if asked.get("kind", kind) != kind or not isinstance(asked.get("spec", {}), dict):
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {kind})")
    user = User(request.user, request.groups)
    try:
        status = review(server, user, asked.get("spec") or {})
    except (AttributeError, TypeError):
        raise errors.bad_request(f"the {kind} provided has fields of wrong types") from None
    named = {"apiVersion": path.removeprefix("/apis/").rpartition("/")[0], "kind": kind}
    shown = {"metadata": asked.get("metadata") or {}, "spec": asked.get("spec") or {}}
    if kind == "SelfSubjectReview":
        del shown["spec"]
    return {**named, **shown, "status": status}


def issue_token(call: Call) -> tuple[int, Json]:
    """Answer a TokenRequest on a service account."""
    asked = body.read(call.request, "TokenRequest")
    spec = asked.get("spec") or {}
    seconds = spec.get("expirationSeconds") or tokens.HOUR
    audiences = spec.get("audiences") or []
    account = call.server.get(*call.target.place)
    problems = []
    if not isinstance(seconds, int) or seconds < tokens.SHORTEST:
        why = f"may not specify a duration less than {tokens.SHORTEST // 60} minutes"
        problems.append(errors.invalid("spec.expirationSeconds", seconds, why))
    if problems:
        raise errors.invalid_object("TokenRequest", "authentication.k8s.io", "", problems)
    status = {
        "token": tokens.issue(call.server, account, seconds, audiences),
        "expirationTimestamp": tokens.expiry(call.server, seconds),
    }
    spec = {"audiences": audiences or [tokens.ISSUER], "expirationSeconds": seconds}
    named = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    metadata = {"name": call.target.name, "namespace": call.target.namespace}
    return 201, {**named, "metadata": metadata, "spec": spec, "status": status}
