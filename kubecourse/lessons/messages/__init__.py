"""What code says in a lesson, in the reader's language: one catalogue, English beside Korean.

    from kubecourse.lessons.messages import text

    text("replicas.ready_later", desired=5, ready=5, seconds=0.6)

**Writing messages.** One YAML file for each area lies beside this module; a key is the file's
name and the way down from its top, joined by dots. A mapping of exactly the languages is a
message, any other mapping is a group:

    # exercises.yaml
    scale_up:
      right:
        en: "{ready} of {desired} pods are ready."
        ko: "파드 {desired}개 중 {ready}개가 준비됐다."

The message above is `text("exercises.scale_up.right", ready=3, desired=3)`. Values are put in as
`str.format` does (`{seconds:.1f}`; a brace of its own is written twice), and both languages use
the same ones: a test looks. Commands, field names and statuses stay as the tools print them. In
Korean, put a noun or a counter after a value (`{ready}개가`), so that the particle is right for
every value. Long text is best written as a YAML block (`|-` keeps its lines, `>-` joins them).

**Which language.** Korean in a notebook that lies in a folder called `ko`, English elsewhere:
a notebook's kernel starts in the notebook's own folder, so both editions share their code cells.
`KUBECOURSE_LANGUAGE=ko` in the environment overrides the folder, and `language("ko")` overrides
both, from then on. Text is looked up when it is shown, never when a module is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "ko")
VARIABLE = "KUBECOURSE_LANGUAGE"

_HERE = Path(__file__).parent
_chosen: list[str] = []
"""The language that `language()` was told, if it was."""


def language(code: str | None = None) -> str:
    """The language of messages, `en` or `ko`; with a code, choose it from now on.

    Raises ValueError for a language that the course is not written in.
    """
    if code is not None:
        _chosen[:] = [_known(code)]
    if _chosen:
        return _chosen[0]
    if os.environ.get(VARIABLE):
        return _known(os.environ[VARIABLE])
    folder = Path.cwd().name
    return folder if folder in LANGUAGES else LANGUAGES[0]


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Messages in a language for as long as the `with` lasts."""
    before = list(_chosen)
    language(code)
    try:
        yield
    finally:
        _chosen[:] = before


def text(key: str, **values: object) -> str:
    """The message of a key in the reader's language, with the values put in.

    Raises KeyError if there is no such message, or no value for one of its placeholders.
    """
    area, _, rest = key.partition(".")
    try:
        message = messages(area)[rest][language()]
    except (KeyError, FileNotFoundError):
        raise KeyError(f"no message {key!r} in {_HERE.name}/{area}.yaml") from None
    return message.format(**values)


def areas() -> list[str]:
    """All areas, in order of their names."""
    return sorted(path.stem for path in _HERE.glob("*.yaml"))


@cache
def messages(area: str) -> dict[str, dict[str, str]]:
    """Every message of an area by its key below the area, as language to text."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load((_HERE / f"{area}.yaml").read_text(encoding="utf-8"), loader)
    return dict(_flat(content, ""))


def _flat(group: dict[str, Any], above: str) -> Iterator[tuple[str, dict[str, str]]]:
    for name, content in group.items():
        key = f"{above}{name}"
        if not isinstance(content, dict):
            raise TypeError(f"{key}: neither a message ({', '.join(LANGUAGES)}) nor a group")
        if not content.keys().isdisjoint(LANGUAGES):
            yield key, content
        else:
            yield from _flat(content, f"{key}.")


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"no language {code!r}; the course is written in {', '.join(LANGUAGES)}")
    return code
