"""An image, layer by layer: what each instruction added and hid, and what its bytes hash to."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from kubecourse.containers.shown import size
from kubecourse.lessons import palette
from kubecourse.lessons.widgets.drawn import MONO, Drawn, button, choice, page, table, words

if TYPE_CHECKING:
    from kubecourse.containers.images import Anatomy, File, Layer

SHOWN = 8
"""Files of a layer that are listed, the largest first."""


def picture(image: Anatomy, number: int, path: str = "") -> str:
    """All layers with their share of the bytes; of one of them, its hash and its files.

    With a `path`, only files whose path has it in it are listed and counted.
    """
    layer = image.layers[number - 1]
    whole = max(image.bytes, 1)
    rows = []
    for each in reversed(image.layers):
        chosen = each.number == number
        colour = palette.NEW if chosen else palette.OLD
        width = max(round(100 * each.bytes / whole), 1)
        bar = f'<div style="background: {colour}; height: 12px; width: {width}px"></div>'
        name = f"<code>{escape(_short(each))}</code>"
        cells = [f"{'▸ ' * chosen}{each.number}", bar, size(each.bytes)]
        rows.append([*cells, str(len(_files(each, path))), f"<b>{name}</b>" if chosen else name])
    head = [words(f"layers.{key}") for key in ("layer", "share", "size", "files", "instruction")]
    return page(
        text(image, number, path),
        table(head, rows, right=(0, 2, 3)),
        _hashes(layer),
        _contents(image, layer, path),
        commands=[f"docker save {image.name} | tar -t", f"docker history {image.name}"],
    )


def _hashes(layer: Layer) -> str:
    same = layer.digest == layer.declared
    sign, colour = ("=", palette.SERVED) if same else ("≠", palette.REFUSED)
    return (
        f'<p style="margin: 4px 0"><span style="{MONO}">{layer.digest[:26]}…</span> '
        f'<b style="color: {colour}">{sign}</b> '
        f"{escape(words('layers.same' if same else 'layers.different'))}</p>"
    )


def _contents(image: Anatomy, layer: Layer, path: str) -> str:
    hidden = {waste.path for waste in image.wasted if waste.layer == layer.number}
    found = sorted(_files(layer, path).items(), key=lambda each: (-each[1].bytes, each[0]))
    rows = [
        [
            size(file.bytes),
            f'<span style="{MONO}">{escape(name)}</span>'
            + (f' <b style="color: {palette.REFUSED}">{words("layers.hidden")}</b>'
               if name in hidden else ""),
        ]
        for name, file in found[:SHOWN]
    ]  # fmt: skip
    rows += [
        ["×", f'<span style="{MONO}"><s>{escape(name)}</s></span> {words("layers.whiteout")}']
        for name in layer.removed
        if path in name
    ]
    if rest := len(found) - SHOWN:
        rows += [["", words("layers.more", count=rest)]] if rest > 0 else []
    if not rows:
        return f'<p style="margin: 4px 0">{words("layers.none")}</p>'
    return table([words("layers.size"), words("layers.file")], rows, right=(0,))


def text(image: Anatomy, number: int, path: str = "") -> str:
    """The picture in one line: how the image divides, and what the chosen layer adds."""
    layer = image.layers[number - 1]
    if path:
        where = [str(each.number) for each in image.layers if _files(each, path)]
        key = "layers.found" if where else "layers.nowhere"
        return words(key, name=image.name, path=path, layers=", ".join(where))
    values = {"name": image.name, "count": len(image.layers), "all": size(image.bytes)}
    key = "layers.hides" if layer.removed else "layers.finding"
    return words(key, number=number, size=size(layer.bytes), **values)


def _files(layer: Layer, path: str) -> dict[str, File]:
    return {name: file for name, file in layer.files.items() if path in name}


def _short(layer: Layer) -> str:
    made = layer.instruction
    return made if len(made) <= 44 else made[:43] + "…"


class LayerExplorer(Drawn):
    """An opened image: choose a layer, or look for a file in all of them."""

    def __init__(self, image: Anatomy) -> None:
        self.image = image
        self._first = len(image.layers)
        self.layer = choice(
            words("layers.layer"),
            [(f"{each.number} · {_short(each)}", each.number) for each in image.layers],
            self._first,
        )
        self.path = ipywidgets.Text(
            description=words("layers.find"),
            placeholder="token.txt",
            style={"description_width": "initial"},
            layout={"width": "220px"},
        )
        super().__init__(self.layer, self.path, button(words("reset"), self.reset))

    @property
    def text(self) -> str:
        return text(self.image, self.layer.value, self.path.value.strip())

    def html(self) -> str:
        return picture(self.image, self.layer.value, self.path.value.strip())

    def reset(self, _: object = None) -> None:
        self.layer.value, self.path.value = self._first, ""
