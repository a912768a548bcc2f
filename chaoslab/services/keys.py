"""What the keys of several kinds of service share: names in a server, and passwords."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator

from chaoslab.model.loader.base import rule

OWN = "chaoslab"  # the user, the password and the place of a lab in a server, if none is declared
PASSWORD = 'a string on one line; "" for none'
Password = Annotated[str, rule(str.isprintable)]
NeededPassword = Annotated[str, rule(lambda text: bool(text) and text.isprintable())]


def name_of(longest_bytes: int, *, reserved: Collection[str] = ()) -> AfterValidator:
    """A validator for the name of a user or a place in a server: 1 to `longest_bytes` bytes on one
    line, and none of `reserved`. A command must not take it for an option.
    """

    def holds(text: str) -> bool:
        fits = 1 <= len(text.encode("utf-8", "surrogatepass")) <= longest_bytes
        plain = text.isprintable() and not text.startswith("-")
        return fits and plain and text.lower() not in reserved

    return rule(holds)
