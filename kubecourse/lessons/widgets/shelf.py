"""What a registry holds: repositories, tags, manifests, and layers that several of them share."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from kubecourse.containers.registry import catalog, manifest, start_registry, tags
from kubecourse.containers.shown import size
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import MONO, Drawn, button, choice, page, table, words

if TYPE_CHECKING:
    from kubecourse.containers.registry import Manifest

Shelf = dict[str, "Manifest"]
"""What is behind each name, `repository:tag`."""


def shelf() -> Shelf:
    """All that our registry holds, asked through its HTTP API."""
    names = [f"{repository}:{tag}" for repository in catalog() for tag in tags(repository)]
    return {name: manifest(name) for name in names}


def also_in(found: Shelf, name: str) -> dict[str, list[str]]:
    """For each layer of a name, the other names that have it too."""
    return {
        digest: [
            other
            for other, each in found.items()
            if other != name and digest in (layer for layer, _ in each.layers)
        ]
        for digest, _ in found[name].layers
    }


def picture(found: Shelf, name: str, address: str) -> str:
    """A manifest: its digest, its config, its layers, and who else uses them."""
    if name not in found:
        return page(words("registry.empty"), commands=[f"curl http://{address}/v2/_catalog"])
    shown, shared = found[name], also_in(found, name)
    rows = [_row(words("registry.manifest"), shown.digest, "", same=shown.digest == shown.told)]
    rows.append(_row(words("registry.config"), shown.config, ""))
    for number, (digest, weight) in enumerate(shown.layers, 1):
        colour = palette.OLD if shared[digest] else palette.NEW
        others = ", ".join(shared[digest]) or words("registry.own")
        label = f'<span style="color: {colour}">■</span> {words("registry.layer")} {number}'
        rows.append([label, _digest(digest), size(weight), escape(others)])
    head = [words(f"registry.{key}") for key in ("part", "digest", "packed", "others")]
    repository, _, tag = name.rpartition(":")
    return page(
        text(found, name),
        table(head, rows, right=(2,)),
        commands=[
            # A registry answers in an older form who does not say that this one is known.
            f'curl -H "Accept: {shown.media_type}"'
            f" http://{address}/v2/{repository}/manifests/{tag}",
            f"docker pull {address}/{repository}@{shown.digest[:19]}…",
        ],
    )


def _row(label: str, digest: str, weight: str, same: bool = False) -> list[str]:
    checked = f'<span style="color: {palette.SERVED}">= {words("registry.computed")}</span>'
    return [label, _digest(digest), weight, checked if same else ""]


def _digest(digest: str) -> str:
    return f'<span style="{MONO}">{escape(digest[:19])}…</span>'


def text(found: Shelf, name: str) -> str:
    """The picture in one line: how many layers a name has, and how many are not its own."""
    if name not in found:
        return words("registry.empty")
    shared = also_in(found, name)
    return words(
        "registry.finding",
        name=name,
        count=len(shared),
        shared=sum(map(bool, shared.values())),
        weight=size(sum(weight for _, weight in found[name].layers)),
    )


class RegistryBrowser(Drawn):
    """Choose a name that our registry holds; look again after a push or a delete."""

    def __init__(self) -> None:
        self.address = start_registry().address
        self.found = shelf()
        self.name = choice(words("registry.name"), self._names(), self._last())
        super().__init__(self.name, button(words("again"), self._again))

    @property
    def text(self) -> str:
        return text(self.found, self.name.value or "")

    def html(self) -> str:
        return picture(self.found, self.name.value or "", self.address)

    def _names(self) -> list[tuple[str, str]]:
        return [(name, name) for name in self.found]

    def _last(self) -> str | None:
        return next(reversed(self.found), None)

    def _again(self, _: object) -> None:
        before, self.found = self.name.value, shelf()
        self.name.options = self._names()
        self.name.value = before if before in self.found else self._last()
        self.draw()
