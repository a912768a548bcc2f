"""What a canary sends through a link, and what it observes. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "connect_timeout", "silent", "closed", "reset", "accepted"]


# What a canary observes on a link without a fault.
REACHED: tuple[Outcome, ...] = ("answered", "accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The bytes that a canary sends to a service; they may be empty.

    `answered`: the server answers. If not, a canary can only observe that its connection was
    accepted, and that it stays open.
    `server_first`: the server sends its first bytes unasked, so they arrive even if nothing that
    the canary sends does.
    """

    asked: bytes = b""
    answered: bool = True
    server_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a canary observed, after how many seconds, and from which local port.

    `server_first`: as the question has it; then an answer shows one direction of the path only.
    """

    outcome: Outcome
    took_s: float
    client_port: int | None
    server_first: bool = False
