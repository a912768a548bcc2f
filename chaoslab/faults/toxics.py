"""Toxics that several faults on a link use."""

from __future__ import annotations

from chaoslab.model.actions import AddToxic, Capability, Stream, path_safe

BOTH: tuple[Stream, ...] = ("upstream", "downstream")
SILENCES = ("silence", "timeout")  # the types of toxics that `silence` makes


def toxic(label: str, proxy: str, type_: str, stream: Stream, **attributes: int | str) -> AddToxic:
    """The action that adds one toxic, for the fault with that label."""
    name = f"{path_safe(label)}.{stream}"
    return AddToxic(proxy=proxy, name=name, type=type_, stream=stream, attributes=attributes)


def silence(label: str, proxy: str, stream: Stream, can: frozenset[Capability]) -> AddToxic:
    """The action that stops the bytes of `stream`; `can` is what the proxy server supports."""
    if "silence" in can:
        return toxic(label, proxy, "silence", stream)
    # Toxiproxy's nearest toxic: it drops the bytes, and its removal closes the connection
    return toxic(label, proxy, "timeout", stream, timeout=0)
