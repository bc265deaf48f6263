"""`$(NAME)` in a container's command, arguments and variables.

Source: `third_party/forked/golang/expansion/expand.go`.
"""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.][-A-Za-z0-9_.]*)\)")


def expand(text: str, variables: dict[str, str]) -> str:
    """A text with `$(NAME)` replaced by a variable's value if there is one; `$$` is one dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text) if "$" in text else text
