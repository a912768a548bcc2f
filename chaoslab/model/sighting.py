"""What a canary asks at the end of a path, and what it observed there. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "connect_timeout", "silent", "closed", "reset", "accepted"]


# What a canary observes where nothing is wrong.
REACHED: tuple[Outcome, ...] = ("answered", "accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The bytes that a canary sends, none where the server speaks first.

    Not `answered` is one to which a server says nothing: all that a canary can observe is that a
    connection was accepted, and that it stays open.
    """

    asked: bytes = b""
    answered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a canary observed, after how many seconds, from which local port of its own."""

    outcome: Outcome
    took_s: float
    client_port: int | None
