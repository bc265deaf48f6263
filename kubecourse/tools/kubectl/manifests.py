"""Objects in files, directories and standard input.

Source: `staging/src/k8s.io/cli-runtime/pkg/resource/visitor.go`,
`staging/src/k8s.io/kubectl/pkg/validation/schema.go`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubecourse.api import models, yaml
from kubecourse.api.errors import Unreachable
from kubecourse.api.resources import Resource
from kubecourse.tools.kubectl.failure import KubectlError, raise_all
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import Info
from kubecourse.tools.sources import find_path

EXTENSIONS = (".json", ".yaml", ".yml")
NO_KUSTOMIZE = "kustomizations are not simulated: build them elsewhere, and use -f"
_TURN_OFF = "if you choose to ignore these errors, turn validation off with --validate=false"


def from_files(inv: Invocation, errors: list[Exception] | None = None) -> list[Info]:
    """The objects of every -f, in order. Raises KubectlError, or collects in `errors`.

    What cannot be read at all is always raised: nothing is done then.
    """
    if inv.flags.get("kustomize"):
        raise KubectlError(NO_KUSTOMIZE)
    collected: list[Exception] = [] if errors is None else errors
    found: list[Info] = []
    for source, text in _texts(inv):
        for data in _objects(source, text):
            try:
                found.append(info_of(inv, data, source))
            except KubectlError as error:
                collected.append(error)
    if errors is None:
        raise_all(collected)
    return found


def _texts(inv: Invocation) -> Iterator[tuple[str, str]]:
    for name in inv.flags["filename"]:
        if name == "-":
            if inv.stdin is None:
                raise KubectlError("-f -: nothing was given on stdin")
            yield "STDIN", inv.stdin
        elif name.startswith(("http://", "https://")):
            raise KubectlError(
                f"{name}: nothing is fetched from the network here; save it to a file first"
            )
        else:
            yield from _files(Path(name), bool(inv.flags.get("recursive")))


def _files(name: Path, recursive: bool) -> Iterator[tuple[str, str]]:
    # What is printed is the path as it was given: the same wherever the notebook lies.
    path = find_path(name)
    if not path.exists():
        raise KubectlError(f'the path "{name}" does not exist')
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            if (entry.is_dir() and recursive) or (entry.is_file() and entry.suffix in EXTENSIONS):
                yield from _files(name / entry.name, recursive)
        return
    try:
        yield str(name), path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise KubectlError(f"error parsing {name}: the file is not UTF-8 text") from None
    except OSError as error:
        raise KubectlError(f"{name}: {error.strerror}") from None


def _objects(source: str, text: str) -> Iterator[Any]:
    """The objects in a text, those in Lists one by one."""
    try:
        for data in _documents(text):
            if data is not None:
                yield from _flattened(data)
    except yaml.YAMLError as error:
        raise KubectlError(
            f"error parsing {source}: error converting YAML to JSON: {error}"
        ) from None


def _documents(text: str) -> Iterator[Any]:
    """JSON values one after another; if they stop at the first or second, the rest is YAML."""
    decoder, count, rest = json.JSONDecoder(), 0, text.lstrip()
    while rest.startswith("{"):
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError as error:
            if count > 1:
                raise KubectlError(f"json: {error}") from None
            break
        yield value
        count, rest = count + 1, rest[end:].lstrip()
    yield from map(yaml.load, yaml.documents(rest if count else text))


def _flattened(data: Any) -> Iterator[Any]:
    """The items of a List, or the object itself."""
    is_list = isinstance(data, dict) and str(data.get("kind", "")).endswith("List")
    if is_list and isinstance(data.get("items"), list):
        for item in data["items"]:
            yield from _flattened(item)
    else:
        yield data


def info_of(inv: Invocation, data: Any, source: str = "") -> Info:
    """An object with its resource and the namespace it goes to. Raises KubectlError."""
    _check_type(inv, data, source)
    resource = _mapping(inv, data, source)
    metadata = data.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise KubectlError(f'unable to decode "{source}": metadata is not an object')
    metadata = dict(metadata or {})
    namespace = None
    if resource.namespaced:
        namespace = metadata.get("namespace") or inv.namespace
        if inv.namespace_given and namespace != inv.namespace:
            raise KubectlError(
                f'the namespace from the provided object "{namespace}" does not match '
                f'the namespace "{inv.namespace}". '
                f"You must pass '--namespace={namespace}' to perform this operation."
            )
        metadata["namespace"] = namespace
    name = metadata.get("name")
    obj = {**data, "metadata": metadata}
    return Info(resource, namespace, name if isinstance(name, str) else "", obj, source)


def _check_type(inv: Invocation, data: Any, source: str) -> None:
    if isinstance(data, dict):
        missing = [f"{key} not set" for key in ("apiVersion", "kind") if not data.get(key)]
        if not missing:
            return _check_validator(inv, source)
        problem = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
    else:
        missing = []
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        problem = f"invalid object to validate: {text}"
    if missing and inv.validation == "Ignore":
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        key = "apiVersion" if missing == ["apiVersion not set"] else "Kind"
        raise KubectlError(f"unable to decode \"{source}\": Object '{key}' is missing in '{text}'")
    raise KubectlError(
        f'error validating "{source}": error validating data: {problem}; {_TURN_OFF}'
    )


def _check_validator(inv: Invocation, source: str) -> None:
    """Whether the server can be asked to validate. What is no file's is sent as it is."""
    if not source or "validate" not in inv.flags or inv.validation == "Ignore":
        return
    try:
        inv.connection.reach("/openapi/v2?timeout=32s")
    except Unreachable as error:
        raise KubectlError(
            f'error validating "{source}": error validating data: failed to download openapi: '
            f"{error.message}; {_TURN_OFF}"
        ) from None


_NOT_SERVED = "\nsimulated: a real cluster serves this kind, this one does not"


def _mapping(inv: Invocation, data: dict[str, Any], source: str) -> Resource:
    kind, version = data["kind"], data["apiVersion"]
    for resource in inv.connection.resources:
        if (resource.api_version, resource.kind) == (version, kind):
            return resource
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    raise KubectlError(
        f'resource mapping not found for name: "{metadata.get("name", "")}" '
        f'namespace: "{metadata.get("namespace", "")}" from "{source}": '
        f'no matches for kind "{kind}" in version "{version}"\nensure CRDs are installed first'
        + (_NOT_SERVED if models.has_kind(str(version), str(kind)) else "")
    )
