"""Actions on links and services, as data. A fault lists them; `injection` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_letters, digits
from typing import Literal

Stream = Literal["upstream", "downstream"]
ServiceAct = Literal["stop", "kill", "start", "pause", "resume"]
ConnectMode = Literal["accept", "refused", "dropped"]
Established = Literal["keep", "hold", "reset"]
AtHeal = Literal["resume", "reset", "dead"]
Capability = Literal[
    "connect",
    "connect.dropped",
    "silence",
    "at_heal",
    "triggers",
    "connections",
    "packets",
    "messages",
]

_PATH_SAFE = frozenset(ascii_letters + digits + "_.:")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToxic:
    """Add one toxic to a stream of a proxy. The proxy lists an `inert` toxic, but it has
    no effect.

    `at_heal` is what the undo of the action does to the connections on which the toxic acted. Only
    a toxic that holds bytes can do anything but `resume`.
    """

    proxy: str
    name: str
    type: str
    stream: Stream
    attributes: Mapping[str, int | str] = field(default_factory=dict)
    toxicity: float = 1.0
    at_heal: AtHeal = "resume"
    inert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disable:
    """Close the proxy's listener and drop its connections, as Toxiproxy's `enabled: false` does."""

    proxy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectPhase:
    """Change how the proxy answers connects, and what it does with open connections.

    `at_heal` is what the undo of the action does to the connections that it held. The proxy lists
    an `inert` change, but it has no effect.
    """

    proxy: str
    mode: ConnectMode
    established: Established
    at_heal: AtHeal = "resume"
    inert: bool = False


Action = AddToxic | Disable | ConnectPhase


def at_heal_of(action: Action) -> AtHeal:
    """What the undo of the action does to the connections that it held."""
    return "resume" if isinstance(action, Disable) else action.at_heal


def path_safe(label: str) -> str:
    """A name for toxics and triggers, made from a fault's label. Different labels give different
    names.

    The client does not quote names in the path of a URL: a toxic with a `?` in its name could be
    added, but not removed.
    """
    return "".join(c if c in _PATH_SAFE else f"-{ord(c):x}-" for c in label)
