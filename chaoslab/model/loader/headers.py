"""The names and values of headers in a topology file."""

from __future__ import annotations

import re
from typing import Annotated

from chaoslab.model.loader.base import rule

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_LAB = frozenset(
    ("content-length", "transfer-encoding", "connection", "accept-encoding", "expect")
)


def _is_header(text: str) -> bool:
    return bool(_TOKEN.fullmatch(text)) and text.lower() not in _OF_THE_LAB


HeaderOrHost = Annotated[str, rule(_is_header)]
Header = Annotated[str, rule(lambda text: _is_header(text) and text.lower() != "host")]
HeaderValue = Annotated[str, rule(lambda text: text.isprintable() and text.isascii())]
