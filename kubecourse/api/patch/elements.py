"""The elements of lists that merge: what tells them apart, and in which order they end up."""

from __future__ import annotations

from kubecourse.api.patch.values import Json, PatchError, go_string, go_text, go_type, identity

DIRECTIVE = "$patch"
ELEMENT_ORDER = "$setElementOrder"


def is_directive(value: Json) -> bool:
    """Whether an object carries a `$patch`."""
    return isinstance(value, dict) and DIRECTIVE in value


def element_kind(*lists: list[Json]) -> str:
    """The Go type of the elements; '' if there are none. Raises PatchError for mixed types."""
    kinds = [go_type(item) for items in lists for item in items]
    if kinds and kinds[0] == "[]interface {}":
        raise PatchError("lists of lists are not supported", 422)
    if len(set(kinds)) > 1:
        raise PatchError(f"list element types are not identical: {go_text(list(lists))}")
    return kinds[0] if kinds else ""


def key_of(item: Json, merge_key: str) -> tuple[str, str]:
    """What tells an element apart: the value of its merge key, or itself without one."""
    if not merge_key:
        return identity(item)
    if not isinstance(item, dict):
        raise _wrong_type("map[string]interface {}", item)
    if merge_key not in item:
        raise PatchError(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")
    return identity(item[merge_key])


def arrange(merged: list[Json], known: list[Json], server: list[Json], key: str) -> list[Json]:
    """Put the elements that the patch knows in its order, and weave the others in between.

    Both keep their own order; where an element goes is decided by the server's list, as far as
    both are in it, and otherwise the patch's elements go first.
    """
    order = _places(known, key)
    server_order = _places(server, key)
    ours = [item for item in merged if key_of(item, key) in order]
    theirs = [item for item in merged if key_of(item, key) not in order]
    ours = _sorted(ours, order, key)
    theirs = _sorted(theirs, server_order, key)
    woven: list[Json] = []
    i = 0
    for item in ours:
        limit = server_order.get(key_of(item, key))
        while limit is not None and i < len(theirs):
            place = server_order.get(key_of(theirs[i], key))
            if place is None or place >= limit:
                break
            woven.append(theirs[i])
            i += 1
        woven.append(item)
    return woven + theirs[i:]


def _places(items: list[Json], key: str) -> dict[tuple[str, str], int]:
    places: dict[tuple[str, str], int] = {}
    for place, item in enumerate(items):
        places.setdefault(key_of(item, key), place)
    return places


def _sorted(items: list[Json], order: dict[tuple[str, str], int], key: str) -> list[Json]:
    """In that order; elements that ask for deletion last."""

    def place(item: Json) -> tuple[bool, int]:
        deleted = isinstance(item, dict) and item.get(DIRECTIVE) == "delete"
        return deleted, 0 if deleted else order.get(key_of(item, key), len(order))

    return sorted(items, key=place)


def _wrong_type(wanted: str, value: Json) -> PatchError:
    received = go_string(None) if value is None else go_type(value)
    return PatchError(f"expected a {wanted}, but received a {received}")


def need_list(value: Json) -> None:
    """Raise PatchError unless the value is a list."""
    if not isinstance(value, list):
        raise _wrong_type("[]interface {}", value)


def check_order(patch: list[Json], order: list[Json], key: str) -> None:
    """Raise PatchError unless the patch's elements come in the order that goes with them."""
    if not order or not patch:
        return
    ordered = [item for item in patch if not (is_directive(item) and item[DIRECTIVE] == "delete")]
    at = 0
    for known in order:
        while at < len(ordered) and is_directive(ordered[at]):
            at += 1
        if at < len(ordered) and key_of(known, key) == key_of(ordered[at], key):
            at += 1
    # Directives after the last known element are refused too, as the server does.
    if at < len(ordered):
        raise PatchError(
            f"The order in patch list:\n{go_text(patch)}\n doesn't match "
            f"{ELEMENT_ORDER} list:\n{go_text(order)}\n"
        )


def without_directives(value: Json) -> Json:
    """The value without the objects in it that carry a `$patch`."""
    if isinstance(value, dict):
        return {
            key: without_directives(item) for key, item in value.items() if not is_directive(item)
        }
    if isinstance(value, list):
        return [without_directives(item) for item in value if not is_directive(item)]
    return value
