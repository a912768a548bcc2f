"""What can be done to a link or a service, as data: a fault asks for it, others carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_letters, digits
from typing import Literal

Stream = Literal["upstream", "downstream"]
ServiceAct = Literal["stop", "kill", "start", "pause", "resume"]
ConnectMode = Literal["accept", "refused", "dropped"]
Established = Literal["keep", "hold", "reset"]
Capability = Literal["connect", "connect.dropped", "silence", "triggers", "connections", "packets"]

_PATH_SAFE = frozenset(ascii_letters + digits + "_.:")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToxic:
    """Put one toxic on one stream of a proxy; an `inert` one is shown there and does nothing."""

    proxy: str
    name: str
    type: str
    stream: Stream
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


def path_safe(label: str) -> str:
    """A name for toxics and triggers out of a fault's label, different for different labels.

    The client puts names into paths without quoting them: a toxic with a `?` in its name could be
    added and never be removed.
    """
    return "".join(c if c in _PATH_SAFE else f"-{ord(c):x}-" for c in label)
