"""The objects that a command line names: by type and name, by selector, or in files.

Source: `staging/src/k8s.io/cli-runtime/pkg/resource/{builder,visitor}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import RESOURCES, Resource, find
from kubecourse.tools.kubectl.failure import KubectlError, prefixed, raise_all
from kubecourse.tools.kubectl.invocation import Invocation

if TYPE_CHECKING:
    from kubecourse.tools.kubectl.connection import Connection

NO_OBJECTS = """You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'"""

_SLASH_FORM = "arguments in resource/name form"


@dataclass(frozen=True)
class Info:
    """One object that a command is about.

    `object` is its JSON value, as read from a file or fetched; {} if neither was asked for.
    `source` is the file it stands in, `STDIN`, or ''.
    """

    resource: Resource
    namespace: str | None
    name: str
    object: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def __str__(self) -> str:
        """`deployment.apps/web`, as kubectl reports what it did."""
        return f"{kind_name(self.resource)}/{self.name}"

    @property
    def quoted(self) -> str:
        """`deployment.apps "web"`, as `delete` reports it."""
        return f'{kind_name(self.resource)} "{self.name}"'

    def refreshed(self, connection: Connection) -> Info:
        """The same object as it is on the server. Raises NotFound."""
        with name_errors(connection, self.namespace):
            obj = connection.get(self.resource, self.namespace, self.name)
        return replace(self, object=obj)


def kind_name(resource: Resource) -> str:
    """`pod`, `deployment.apps`."""
    return f"{resource.singular}.{resource.group}" if resource.group else resource.singular


@dataclass(frozen=True)
class Target:
    """A resource type with the name of one object, or None for all that are selected."""

    resource: Resource
    name: str | None


# --- types


def find_resource(word: str) -> Resource:
    """The resource of a word: `po`, `deployments.apps`. Raises KubectlError."""
    found = find(word)
    if found is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{word.partition(".")[0]}"')
    return found


def types(words: str) -> list[Resource]:
    """The resources of a comma-separated argument: `pods,svc`, `all`."""
    found: list[Resource] = []
    for word in words.split(","):
        members = [] if find(word) else category(word)
        found += members or [find_resource(word)]
    return list(dict.fromkeys(found))


def category(name: str) -> list[Resource]:
    """The resources of a category such as `all`, in the order of discovery."""
    from kubecourse.control_plane.apiserver.discovery import groups

    order = list(groups())
    found = [resource for resource in RESOURCES if name in resource.categories]
    return sorted(found, key=lambda resource: (order.index(resource.group), resource.plural))


def parse_arguments(args: Iterable[str]) -> list[Target]:
    """Types and names on a command line; a type alone stands for all its objects.

    Raises KubectlError.
    """
    words = list(args)
    if any("/" in word for word in words):
        return [_slash_form(word, words) for word in words]
    if not words:
        return []
    resources = types(words[0])
    if len(words) == 1:
        return [Target(resource, None) for resource in resources]
    if len(resources) > 1:
        raise KubectlError("you must specify only one resource")
    return [Target(resources[0], name) for name in words[1:]]


def _slash_form(word: str, words: list[str]) -> Target:
    parts = word.split("/")
    if len(parts) == 1:
        raise KubectlError(
            "there is no need to specify a resource type as a separate argument when passing "
            f"{_SLASH_FORM} (e.g. 'kubectl get resource/<resource_name>' instead of "
            "'kubectl get resource resource/<resource_name>'"
        )
    if len(parts) > 2:
        raise KubectlError(f"{_SLASH_FORM} may not have more than one slash")
    if not all(parts):
        raise KubectlError(f"{_SLASH_FORM} must have a single resource and name")
    return Target(find_resource(parts[0]), parts[1])


# --- objects


def from_arguments(
    inv: Invocation,
    args: Iterable[str],
    *,
    selector: str = "",
    field_selector: str = "",
    all_namespaces: bool = False,
    everything: bool = False,
    fetch: bool = True,
    errors: list[Exception] | None = None,
) -> list[Info]:
    """The objects that arguments name or select, fetched from the server.

    `everything`: a type alone stands for all its objects (`get`, `--all`). Without `fetch` objects
    that are named are taken on trust. `errors` collects what is wrong with single objects;
    without it everything found wrong is raised at the end.
    """
    targets = parse_arguments(args)
    if not targets:
        raise KubectlError(NO_OBJECTS)
    check_combination(targets, selector or field_selector, all_namespaces, everything)
    collected: list[Exception] = [] if errors is None else errors
    found: list[Info] = []
    for target in targets:
        try:
            found += resolve(inv, target, selector, field_selector, all_namespaces, fetch)
        except ApiError as error:
            collected.append(error)
    if errors is None:
        raise_all(collected)
    return found


def check_combination(
    targets: list[Target], selector: str, all_namespaces: bool, everything: bool
) -> None:
    """Raise KubectlError for names with selectors, names in all namespaces, or nothing chosen."""
    named = any(target.name is not None for target in targets)
    if named and selector:
        raise KubectlError("name cannot be provided when a selector is specified")
    if named and all_namespaces:
        raise KubectlError("a resource cannot be retrieved by name across all namespaces")
    if not named and not selector and not everything:
        raise KubectlError("resource(s) were provided, but no name was specified")


def resolve(
    inv: Invocation,
    target: Target,
    selector: str,
    field_selector: str,
    all_namespaces: bool,
    fetch: bool,
) -> list[Info]:
    """The objects of one target. Raises ApiError."""
    resource = target.resource
    namespace = namespace_of(inv, resource)
    if target.name is not None:
        with name_errors(inv.connection, namespace):
            obj = inv.connection.get(resource, namespace, target.name) if fetch else {}
        return [Info(resource, namespace, target.name, obj)]
    where = None if all_namespaces else namespace
    with selection_errors(resource, selector, field_selector):
        items = inv.connection.list(resource, where, selector, field_selector)
    return [
        Info(resource, item["metadata"].get("namespace"), item["metadata"]["name"], item)
        for item in items
    ]


@contextmanager
def name_errors(connection: Connection, namespace: str | None) -> Iterator[None]:
    """Say that the namespace is not there, where that is why an object is not."""
    try:
        yield
    except ApiError as error:
        if error.reason == "NotFound" and namespace not in (None, "", "default"):
            connection.request("GET", f"/api/v1/namespaces/{namespace}")
        raise


@contextmanager
def selection_errors(resource: Resource, selector: str, field_selector: str) -> Iterator[None]:
    """Say in a server's objection to a list what was to be listed."""
    try:
        yield
    except ApiError as error:
        if error.reason not in ("BadRequest", "NotFound"):
            raise
        what = f'"{resource.group}/{resource.version}, Resource={resource.plural}"'
        where = f"Unable to list {what}"
        if selector or field_selector:
            where = (
                f'Unable to find {what} that match label selector "{selector}", '
                f'field selector "{field_selector}"'
            )
        raise prefixed(error, where) from None


def namespace_of(inv: Invocation, resource: Resource) -> str | None:
    """The namespace that a command works in, None for what has none."""
    return inv.namespace if resource.namespaced else None


def from_flags(
    inv: Invocation,
    *,
    everything: bool = False,
    fetch: bool = True,
    errors: list[Exception] | None = None,
) -> list[Info]:
    """The objects of -f, or of the arguments with -l, --field-selector, -A and --all."""
    flags = inv.flags
    if flags.get("filename") or flags.get("kustomize"):
        infos = from_files(inv, errors)
        return [info.refreshed(inv.connection) for info in infos] if fetch else infos
    return from_arguments(
        inv,
        inv.args,
        selector=flags.get("selector") or "",
        field_selector=flags.get("field-selector") or "",
        all_namespaces=bool(flags.get("all-namespaces")),
        everything=everything or bool(flags.get("all")),
        fetch=fetch,
        errors=errors,
    )


def from_files(inv: Invocation, errors: list[Exception] | None = None) -> list[Info]:
    """The objects in the files of -f. See `manifests.from_files`."""
    from kubecourse.tools.kubectl import manifests

    return manifests.from_files(inv, errors)


def info_of(inv: Invocation, obj: dict[str, Any], source: str = "") -> Info:
    """The Info of an object made by a command, in the namespace that the command works in."""
    from kubecourse.tools.kubectl import manifests

    return manifests.info_of(inv, obj, source)


def validation(inv: Invocation) -> str:
    """What --validate asks of the server: Strict, Warn or Ignore. Raises KubectlError."""
    text = str(inv.flags.get("validate", "strict"))
    choices = {
        "strict": "Strict",
        "true": "Strict",
        "warn": "Warn",
        "ignore": "Ignore",
        "false": "Ignore",
    }
    if text not in choices:
        raise KubectlError(
            f'invalid - validate option "{text}"; '
            "must be one of: strict (or true), warn, ignore (or false)"
        )
    return choices[text]
