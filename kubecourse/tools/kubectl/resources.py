"""The objects that a command line names: by type and name, by selector, or in files.

Source: `staging/src/k8s.io/cli-runtime/pkg/resource/{builder,visitor}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kubecourse.api.errors import ApiError
from kubecourse.api.resources import RESOURCES, Resource, find
from kubecourse.control_plane.apiserver.discovery import groups
from kubecourse.tools.kubectl.failure import KubectlError, prefixing, raise_all
from kubecourse.tools.kubectl.invocation import Invocation

if TYPE_CHECKING:
    from kubecourse.tools.kubectl.connection import Connection

Json = dict[str, Any]

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
    object: Json = field(default_factory=dict)
    source: str = ""

    def __str__(self) -> str:
        """`deployment.apps/web`, as kubectl reports what it did."""
        return f"{kind_name(self.resource)}/{self.name}"

    @property
    def quoted(self) -> str:
        """`deployment.apps "web"`, as `delete` reports it."""
        return f'{kind_name(self.resource)} "{self.name}"'

    @property
    def plural(self) -> str:
        """`deployments/web`, as waiting reports it."""
        return f"{self.resource.plural}/{self.name}"

    def refreshed(self, connection: Connection) -> Info:
        """The same object as it is on the server. Raises NotFound."""
        with name_errors(connection, self.namespace):
            return replace(self, object=connection.get(self))


def kind_name(resource: Resource) -> str:
    """`pod`, `deployment.apps`."""
    return f"{resource.singular}.{resource.group}" if resource.group else resource.singular


@dataclass(frozen=True)
class Target:
    """A resource type with the name of one object, or None for all that are selected."""

    resource: Resource
    name: str | None


# --- types and names


def find_resource(word: str, served: Sequence[Resource] = RESOURCES) -> Resource:
    """The resource of a word: `po`, `deployments.apps`. Raises KubectlError."""
    found = find(word, served)
    if found is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{word.partition(".")[0]}"')
    return found


def types(words: str, served: Sequence[Resource]) -> list[Resource]:
    """The resources of a comma-separated argument: `pods,svc`, `all`."""
    found: list[Resource] = []
    for word in words.split(","):
        members = [] if find(word, served) else _category(word, served)
        found += members or [find_resource(word, served)]
    return list(dict.fromkeys(found))


def _category(name: str, served: Sequence[Resource]) -> list[Resource]:
    """The resources of a category such as `all`, in the order of discovery."""
    order = list(groups(served))
    # Each in the version that comes first.
    preferred = {(r.group, r.plural): r for r in reversed(served) if name in r.categories}
    found = list(preferred.values())
    return sorted(found, key=lambda resource: (order.index(resource.group), resource.plural))


def parse_arguments(inv: Invocation, args: Iterable[str]) -> list[Target]:
    """Types and names on a command line; a type alone stands for all its objects.

    Raises KubectlError.
    """
    words = list(args)
    if not words:
        return []
    served = inv.connection.resources
    if any("/" in word for word in words):
        return [_slash_form(word, served) for word in words]
    resources = types(words[0], served)
    if len(words) == 1:
        return [Target(resource, None) for resource in resources]
    if len(resources) > 1 and "," not in words[0]:
        raise KubectlError("you must specify only one resource")
    return [Target(resource, name) for resource in resources for name in words[1:]]


def _slash_form(word: str, served: Sequence[Resource]) -> Target:
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
    return Target(find_resource(parts[0], served), parts[1])


# --- objects


@dataclass(frozen=True)
class Selection:
    """What flags say on which objects of a type are meant."""

    labels: str = ""
    fields: str = ""
    all_namespaces: bool = False
    everything: bool = False
    """A type alone stands for all its objects (`get`, `--all`)."""

    @staticmethod
    def of(inv: Invocation, everything: bool = False) -> Selection:
        """-l, --field-selector, -A and --all."""
        given = inv.flags.get
        return Selection(
            given("selector") or "",
            given("field-selector") or "",
            bool(given("all-namespaces")),
            everything or bool(given("all")),
        )

    def check(self, targets: list[Target]) -> None:
        """Raise KubectlError for names with selectors, or in all namespaces, or none chosen."""
        named = any(target.name is not None for target in targets)
        if named and (self.labels or self.fields):
            raise KubectlError("name cannot be provided when a selector is specified")
        if named and self.all_namespaces:
            raise KubectlError("a resource cannot be retrieved by name across all namespaces")
        if not named and not (self.labels or self.fields or self.everything):
            raise KubectlError("resource(s) were provided, but no name was specified")

    def namespace(self, inv: Invocation, resource: Resource) -> str | None:
        """Where objects of a type are looked for; None for everywhere."""
        return inv.namespace if resource.namespaced and not self.all_namespaces else None


def from_arguments(
    inv: Invocation,
    args: Iterable[str],
    selection: Selection = Selection(),
    *,
    fetch: bool = True,
    errors: list[Exception] | None = None,
) -> list[Info]:
    """The objects that arguments name or select, fetched from the server.

    Without `fetch` objects that are named are taken on trust. `errors` collects what is wrong with
    single objects; without it everything found wrong is raised at the end.
    """
    targets = parse_arguments(inv, args)
    if not targets:
        raise KubectlError(NO_OBJECTS)
    selection.check(targets)
    found: list[Info] = []
    collected: list[Exception] = [] if errors is None else errors
    for target in targets:
        try:
            found += resolve(inv, target, selection, fetch)
        except ApiError as error:
            collected.append(error)
    if errors is None:
        raise_all(collected)
    return found


def resolve(
    inv: Invocation, target: Target, selection: Selection, fetch: bool = True
) -> list[Info]:
    """The objects of one target. Raises ApiError."""
    resource = target.resource
    namespace = selection.namespace(inv, resource)
    if target.name is not None:
        info = Info(resource, namespace, target.name)
        return [info.refreshed(inv.connection) if fetch else info]
    with selection_errors(resource, selection):
        items = inv.connection.list(resource, namespace, selection.labels, selection.fields)
    return [
        Info(resource, item["metadata"].get("namespace"), item["metadata"]["name"], item)
        for item in items
    ]


def from_flags(
    inv: Invocation,
    args: list[str] | None = None,
    *,
    everything: bool = False,
    fetch: bool = True,
    errors: list[Exception] | None = None,
) -> list[Info]:
    """The objects of -f, or of the arguments with -l, --field-selector, -A and --all."""
    if inv.flags.get("filename") or inv.flags.get("kustomize"):
        from kubecourse.tools.kubectl.manifests import from_files

        infos = from_files(inv, errors)
        return [info.refreshed(inv.connection) for info in infos] if fetch else infos
    args = inv.args if args is None else args
    return from_arguments(inv, args, Selection.of(inv, everything), fetch=fetch, errors=errors)


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
def selection_errors(resource: Resource, selection: Selection) -> Iterator[None]:
    """Say in a server's objection to a list what was to be listed."""
    what = f'"{resource.group}/{resource.version}, Resource={resource.plural}"'
    where = f"Unable to list {what}"
    if selection.labels or selection.fields:
        where = (
            f'Unable to find {what} that match label selector "{selection.labels}", '
            f'field selector "{selection.fields}"'
        )
    with prefixing(where, "BadRequest", "NotFound"):
        yield
