"""What can be done to a link, as data: what a fault asks for and a proxy carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ConnectMode = Literal["accept", "refused", "dropped"]
Established = Literal["keep", "hold", "reset"]
Capability = Literal["connect", "connect.dropped", "silence", "triggers", "connections", "packets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToxic:
    """Put one toxic on one stream of a proxy; an `inert` one is shown there and does nothing."""

    proxy: str
    name: str
    type: str
    stream: Literal["upstream", "downstream"]
    attributes: Mapping[str, int | str] = field(default_factory=dict)
    toxicity: float = 1.0
    inert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disable:
    """Close the proxy's listener and drop its connections, as Toxiproxy's `enabled: false` does."""

    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPhase:
    """Change what a connecting client meets, and what becomes of the established connections.

    An `inert` change is shown by the proxy, and nobody meets it.
    """

    proxy: str
    mode: ConnectMode
    established: Established
    inert: bool = False


Action = AddToxic | Disable | ConnectPhase
