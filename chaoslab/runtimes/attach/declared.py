"""What [attach] declares, and whether the proxy server has it in a usable state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Attach, Topology
from chaoslab.runtimes.attach.api import MARK, ProxyState


def declared(topology: Topology) -> Attach:
    """The topology's [attach]. Raises RuntimeUnavailable where it has none."""
    if topology.attach is None:
        raise RuntimeUnavailable(
            f"{topology.source or topology.name} has no [attach]\n"
            "  add [attach] with the addresses of Toxiproxy and the apps (docs/topology.md)"
        )
    return topology.attach


def absent(attach: Attach, there: Mapping[str, ProxyState]) -> Iterator[str]:
    """A problem for each declared proxy that the server does not have."""
    for link, proxy in attach.links.items():
        if proxy not in there:
            has = ", ".join(there) or "none"
            yield f"{_where(link, proxy)} does not exist\n  expected one of: {has}"


def unfit(attach: Attach, there: Mapping[str, ProxyState]) -> Iterator[str]:
    """A problem for each proxy that is disabled, or has a fault of an unknown lab."""
    for link, proxy in attach.links.items():
        state = there.get(proxy)
        if state is not None and not state.enabled:
            yield f"{_where(link, proxy)} is disabled\n  enable it: a run requires a working path"
        elif state and (marked := [toxic for toxic in state.toxics if toxic.startswith(MARK)]):
            what, fix = ", ".join(marked), "wait until it ends, or remove them if it no longer runs"
            yield f"{_where(link, proxy)} has {what}, left by a lab that is unknown here\n  {fix}"


def _where(link: str, proxy: str) -> str:
    return f"[attach.links.\"{link}\"]: proxy '{proxy}'"


def host_and_port(url: str) -> tuple[str, int]:
    """The host and the port of a URL; port 80 where it names none."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or 80
