"""What a canary observed at the end of a path. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "connect_timeout", "silent", "closed", "reset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a canary observed, after how many seconds, from which local port of its own."""

    outcome: Outcome
    took_s: float
    client_port: int | None
