"""kubectl's JSONPath: `{.items[*].metadata.name}`, `{range .items[?(@.kind=="Pod")]}…{end}`.

`parse` reads a template, `find` gives the values that it finds, `execute` the text it makes.
"""

from __future__ import annotations

from typing import Any

from kubecourse.tools.kubectl.jsonpath.finder import Finder
from kubecourse.tools.kubectl.jsonpath.nodes import JSONPathError, Range, Template
from kubecourse.tools.kubectl.jsonpath.parser import parse, relaxed
from kubecourse.tools.kubectl.jsonpath.text import go_print, go_quote, go_syntax

__all__ = ["JSONPathError", "Template", "execute", "find", "go_print", "parse", "relaxed"]


def find(template: Template, obj: Any, allow_missing: bool = True) -> list[Any]:
    """The values that a template finds. Raises JSONPathError."""
    finder = Finder(obj, allow_missing)
    return [
        value
        for node in template.nodes
        for group in _groups(finder, node, [obj])
        for value in group
    ]


def execute(template: Template, obj: Any, allow_missing: bool = True) -> str:
    """The text that a template makes of an object. Raises JSONPathError."""
    finder = Finder(obj, allow_missing)
    try:
        groups = [group for node in template.nodes for group in _groups(finder, node, [obj])]
    except JSONPathError as error:
        raise JSONPathError(
            f'error executing jsonpath "{go_quote(template.text)}": '
            f"Error executing template: {error}. "
            "Printing more information for debugging the template:\n"
            f"\ttemplate was:\n\t\t{template.text}\n"
            f"\tobject given to jsonpath engine was:\n\t\t{go_syntax(obj)}\n\n\n"
        ) from None
    return "".join(" ".join(go_print(value) for value in group) for group in groups)


def _groups(finder: Finder, node: Any, current: list[Any]) -> list[list[Any]]:
    """What a node prints; values of one group are separated by spaces."""
    if isinstance(node, Range):
        return [
            group
            for value in finder.follow(node.path, current)
            for inner in node.body
            for group in _groups(finder, inner, [value])
        ]
    return [finder.follow(node, current)]
