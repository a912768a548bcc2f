"""The data types for what a canary sends through a link, and for what it observes. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "connect_timeout", "silent", "closed", "reset", "accepted"]


# What a canary observes on a link without a fault.
REACHED: tuple[Outcome, ...] = ("answered", "accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The bytes that a canary sends to a service; they may be empty.

    `answered`: the service's server answers them. If not, a canary can only observe that its
    connection was accepted, and that it stays open. `server_first`: the server sends its first
    bytes before it has received any, so they arrive even if nothing arrives that the canary sends.
    """

    asked: bytes = b""
    answered: bool = True
    server_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a canary observed, after how many seconds, and from which local port.

    `server_first` is that of the canary's `Question`: if it is true, an answer shows only one
    direction of the path.
    """

    outcome: Outcome
    took_s: float
    client_port: int | None
    server_first: bool = False
