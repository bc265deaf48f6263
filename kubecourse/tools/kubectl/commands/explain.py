"""`kubectl explain`: what a field is, from the types' own documentation.

Source: `staging/src/k8s.io/kubectl/pkg/explain/v2`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubecourse.api import schema
from kubecourse.api.resources import Resource, find
from kubecourse.tools.kubectl.cli import command
from kubecourse.tools.kubectl.failure import KubectlError
from kubecourse.tools.kubectl.invocation import Invocation
from kubecourse.tools.kubectl.resources import find_resource

WIDTH = 76
MOST_VALUES = 4
"""How many values of an enumeration a list of fields shows."""

TYPE_META = "meta/v1.TypeMeta"
_NAMES = {
    "int": "integer", "float": "number", "bool": "boolean", "time": "string", "microtime": "string",
    "bytes": "string", "string": "string", "quantity": "Quantity", "intorstring": "IntOrString",
}  # fmt: skip


@command("explain")
def explain_resource(inv: Invocation) -> None:
    """Explain a resource or one of its fields."""
    word, *path = inv.args[0].split(".")
    try:
        resource, path = _resource(word, path, inv.connection.resources)
    except KubectlError as error:
        raise KubectlError(str(error), bare=True) from None
    inv.write(explain(resource, path, bool(inv.flags["recursive"])))


def _resource(word: str, path: list[str], served: Sequence[Resource]) -> tuple[Resource, list[str]]:
    """The resource, and the field below it; `deployments.apps.spec` names the group too."""
    for count in range(len(path), 0, -1):
        qualified = find(".".join([word, *path[:count]]), served)
        if qualified is not None and qualified.group:
            return qualified, path[count:]
    return find_resource(word, served), path


def explain(resource: Resource, path: list[str], recursive: bool = False) -> str:
    """The text for a resource or a field of it. Raises KubectlError for one that is not there."""
    head = [f"GROUP:      {resource.group}"] if resource.group else []
    head += [f"KIND:       {resource.kind}", f"VERSION:    {resource.version}", ""]
    kind = schema.type_of(resource.schema)
    described = ""
    for index, name in enumerate(path):
        struct = kind.merge_schema
        field = _fields(struct).get(name) if struct is not None else None
        if struct is None or field is None:
            raise KubectlError(f'field "{path[-1]}" does not exist')
        described, kind = _documentation(struct, name, field.type), field.type
        if index == len(path) - 1:
            head += [f"FIELD: {name} <{_type_name(kind)}>", *_long_enum(kind), ""]
    below = kind.merge_schema
    if below is not None:
        described = "\n".join(filter(None, (described, below.describe())))
    body = [
        "DESCRIPTION:",
        *_indented(f"{described or '<empty>'}\n" if described else "<empty>", 4),
    ]
    if below is not None:
        body += ["FIELDS:", *_field_list(below, 1, recursive, ())]
    return "\n".join([*head, *body]) + "\n\n"


def _fields(struct: schema.Struct) -> dict[str, schema.Field]:
    """A struct's fields by name; an object's own have its kind and version among them."""
    fields = dict(struct.fields)
    if "metadata" in fields and fields["metadata"].type.name == "meta/v1.ObjectMeta":
        fields |= schema.struct(TYPE_META).fields
    return dict(sorted(fields.items()))


def _documentation(struct: schema.Struct, name: str, kind: schema.Type) -> str:
    text = struct.describe(name) or schema.struct(TYPE_META).describe(name)
    values = schema.enum(kind)
    if values:
        text += "\n\nPossible enum values:"
        for value, meaning in values.items():
            text += f'\n - `"{value}"`' + (f" {meaning}" if meaning else "")
    return text


def _long_enum(kind: schema.Type) -> list[str]:
    values = schema.enum(kind)
    if not values:
        return [""]
    return ["ENUM:", *(f"    {value}" if value else '    ""' for value in values)]


def _field_list(
    struct: schema.Struct, level: int, recursive: bool, above: tuple[str, ...]
) -> Iterator[str]:
    if struct.name in above:
        return
    indent = "  " * level
    for name, field in _fields(struct).items():
        required = " -required-" if _is_required(struct, field) else ""
        yield f"{indent}{name}\t<{_type_name(field.type)}>{required}"
        if values := list(schema.enum(field.type)):
            more = ", ...." if len(values) > MOST_VALUES else ""
            shown = (value or '""' for value in values[:MOST_VALUES])
            yield f"{indent}enum: {', '.join(shown)}{more}"
        if not recursive:
            text = _documentation(struct, name, field.type) or "<no description>"
            yield from _indented(text, 2 * level + 2)
            yield ""
        elif field.element is not None:
            yield from _field_list(field.element, level + 1, recursive, (*above, struct.name))


def _is_required(struct: schema.Struct, field: schema.Field) -> bool:
    return not field.omit and struct.name != TYPE_META


def _type_name(kind: schema.Type) -> str:
    """A type as people know it: `[]Container`, `map[string]string`, `integer`."""
    if kind.form == "list" and kind.element is not None:
        return f"[]{_type_name(kind.element)}"
    if kind.form == "map" and kind.element is not None:
        return f"map[string]{_type_name(kind.element)}"
    name = kind.name.rpartition(".")[2]
    # What a custom resource is made of has no names of its own.
    return _NAMES.get(kind.form) or ("Object" if "-" in name or name == "any" else name)


def _indented(text: str, indent: int) -> Iterator[str]:
    for paragraph in text.split("\n"):
        for line in _wrapped(paragraph):
            yield " " * indent + line


def _wrapped(paragraph: str) -> Iterator[str]:
    """Lines of at most `WIDTH` characters, broken at spaces."""
    line = ""
    for index, word in enumerate(paragraph.split(" ")):
        if index and line.strip() and len(line) + 1 + len(word) > WIDTH:
            yield line.rstrip(" ")
            line = word
        else:
            line = f"{line} {word}" if index else word
    yield line
