"""What each network fault means as actions on the proxies of its links. Pure."""

from __future__ import annotations

from collections.abc import Collection
from string import ascii_letters, digits
from typing import Literal, Protocol, assert_never

from chaoslab.model.actions import Action, AddToxic, Capability, ConnectPhase, Disable
from chaoslab.model.faults import (
    CutMidstream,
    Flapping,
    NetworkFault,
    OneWay,
    Severed,
    SeveredMode,
    Slow,
    Throttled,
)
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Link

Direction = Literal["upstream", "downstream"]
BOTH: tuple[Direction, ...] = ("upstream", "downstream")
_PATH_SAFE = frozenset(ascii_letters + digits + "_.:")


class _Toxic(Protocol):
    def __call__(self, type_: str, stream: Direction, **attributes: int | str) -> AddToxic: ...


def actions_for(
    fault: NetworkFault, links: Collection[Link], can: frozenset[Capability]
) -> tuple[Action, ...]:
    """The actions that put `fault` in force on `links`, for a proxy that `can` do these things.

    `dropped` asks for the connect phase whatever the proxy can do, so that a proxy without it
    refuses, and the scenario is skipped instead of being run with another fault.
    """
    return tuple(action for link in links for action in _on_link(fault, link.name, can))


def _on_link(fault: NetworkFault, proxy: str, can: frozenset[Capability]) -> list[Action]:
    def toxic(type_: str, stream: Direction, **attributes: int | str) -> AddToxic:
        name = f"{path_safe(fault.label)}.{stream}"
        return AddToxic(proxy=proxy, name=name, type=type_, stream=stream, attributes=attributes)

    match fault:
        case Severed() | Flapping():
            return _severed(fault.mode, proxy, can, toxic)
        case Slow():
            latency, jitter = round(fault.latency_s * 1000), round(fault.jitter_s * 1000)
            return [toxic("latency", s, latency=latency, jitter=jitter) for s in fault.streams]
        case Throttled():
            return [toxic("bandwidth", s, rate=fault.rate_kb_per_s) for s in fault.streams]
        case CutMidstream():
            return [toxic("limit_data", fault.stream, bytes=fault.after_bytes)]
        case OneWay():
            return [_silence(fault.stream, can, toxic)]
    assert_never(fault)


def _severed(
    mode: SeveredMode, proxy: str, can: frozenset[Capability], toxic: _Toxic
) -> list[Action]:
    if mode == "dropped":
        return [ConnectPhase(proxy=proxy, mode="dropped", established="hold")]
    if mode == "silent":
        return [_silence(stream, can, toxic) for stream in BOTH]
    if "connect" in can:
        return [ConnectPhase(proxy=proxy, mode="refused", established="reset")]
    return [Disable(proxy=proxy)]


def _silence(stream: Direction, can: frozenset[Capability], toxic: _Toxic) -> AddToxic:
    if "silence" in can:
        return toxic("silence", stream)
    # Toxiproxy's nearest: bytes are dropped, and the connection is closed when it is removed
    return toxic("timeout", stream, timeout=0)


def path_safe(label: str) -> str:
    """A name for toxics and triggers out of a fault's label, different for different labels.

    The client puts names into paths without quoting them: a toxic with a `?` in its name could be
    added and never be removed.
    """
    return "".join(c if c in _PATH_SAFE else f"-{ord(c):x}-" for c in label)


def canary_patience_s(fault: NetworkFault) -> float:
    """How long a canary must wait to tell this fault from a whole path, in seconds."""
    if isinstance(fault, Slow):
        return 2.0 * len(fault.streams) * (fault.latency_s + fault.jitter_s) + 0.3
    if isinstance(fault, Severed | Flapping) and fault.mode == "refused":
        return 2.0  # a refusal comes at once; only a starved machine takes longer
    if isinstance(fault, Severed | Flapping) and fault.mode == "dropped":
        return 0.03  # the kernel alone shakes hands, in microseconds, whoever starves meanwhile
    return 0.1


def shows(fault: NetworkFault, sighting: Sighting) -> bool | None:
    """Whether a canary's sighting is this fault in force; None where a canary cannot tell."""
    match fault:
        case Severed(mode="dropped") | Flapping(mode="dropped"):
            return sighting.outcome == "connect_timeout"
        case Severed(mode="refused") | Flapping(mode="refused"):
            return sighting.outcome == "refused"
        case Severed() | Flapping() | OneWay():
            return sighting.outcome == "silent"
        case Slow():
            least_s = len(fault.streams) * max(0.0, fault.latency_s - fault.jitter_s)
            return sighting.outcome == "answered" and sighting.took_s >= least_s
    return None
