"""The actions that faults on a link are composed of."""

from __future__ import annotations

from chaoslab.model.actions import AddToxic, Capability, Stream, path_safe

BOTH: tuple[Stream, ...] = ("upstream", "downstream")
SILENCES = ("silence", "timeout")  # the types of toxics that `silence` makes


def toxic(label: str, proxy: str, type_: str, stream: Stream, **attributes: int | str) -> AddToxic:
    """One toxic of the fault with that label."""
    name = f"{path_safe(label)}.{stream}"
    return AddToxic(proxy=proxy, name=name, type=type_, stream=stream, attributes=attributes)


def silence(label: str, proxy: str, stream: Stream, can: frozenset[Capability]) -> AddToxic:
    """Nothing passes in this direction, as nearly as the server can do it."""
    if "silence" in can:
        return toxic(label, proxy, "silence", stream)
    # Toxiproxy's nearest: bytes are dropped, and the connection is closed when it is removed
    return toxic(label, proxy, "timeout", stream, timeout=0)
