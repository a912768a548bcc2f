"""Toxics that several faults on a link use."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.model.actions import AddToxic, AtHeal, Capability, Stream, path_safe

BOTH: tuple[Stream, ...] = ("upstream", "downstream")
SILENCES = ("silence", "timeout")  # the types of toxics that `silence` makes


def toxic(label: str, proxy: str, type_: str, stream: Stream, **attributes: int | str) -> AddToxic:
    """The action that adds one toxic, for the fault with that label."""
    name = toxic_name(label, stream)
    return AddToxic(proxy=proxy, name=name, type=type_, stream=stream, attributes=attributes)


def toxic_name(label: str, stream: Stream) -> str:
    """The name of the toxic that the fault with that label has on a stream."""
    return f"{path_safe(label)}.{stream}"


def silence(
    label: str,
    proxy: str,
    stream: Stream,
    can: frozenset[Capability],
    at_heal: AtHeal = "resume",
) -> AddToxic:
    """The action that stops the bytes of `stream`; `can` is what the proxy server supports."""
    if "silence" in can or at_heal != "resume":  # nothing replaces it: the server must refuse it
        return replace(toxic(label, proxy, "silence", stream), at_heal=at_heal)
    # Toxiproxy's nearest toxic: it drops the bytes, and its removal closes the connection
    return toxic(label, proxy, "timeout", stream, timeout=0)
