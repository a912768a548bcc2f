"""Reads what [attach] declares, and checks that the proxy server has each declared proxy, enabled
and without faults of an unknown lab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.model.topology import Attach, Topology
from chaoslab.runtimes.attach.api import MARK, ProxyState
from chaoslab.runtimes.attach.consent import CONSENT, without_consent

NO_ATTACH = ErrorCode(
    "attach.not_declared",
    "{topology} has no [attach]",
    "The topology has no [attach] table, which attach mode needs.",
)
NO_PROXY = ErrorCode(
    "attach.no_proxy",
    "proxy '{proxy}' does not exist",
    "The external proxy server lacks a proxy that [attach.links] names.",
)
DISABLED = ErrorCode(
    "attach.proxy_disabled",
    "proxy '{proxy}' is disabled",
    "A proxy that [attach.links] names is disabled on the external server.",
)
UNKNOWN_LAB = ErrorCode(
    "attach.unknown_lab",
    "proxy '{proxy}' has {toxics}, left by a lab that is unknown here",
    "A proxy that [attach.links] names has a toxic of a lab that this machine does not know.",
)


def declared(topology: Topology) -> Attach:
    """The topology's [attach]. Raises RuntimeUnavailable if it has none."""
    if topology.attach is None:
        reason = NO_ATTACH(topology=topology.source or topology.name)
        fix = "add [attach] with the addresses of Toxiproxy and the apps (docs/topology.md)"
        raise RuntimeUnavailable(Problem(reason=reason, fix=fix))
    return topology.attach


def permitted(topology: Topology) -> Attach:
    """The topology's [attach]. Raises RuntimeUnavailable if it has none, or if the user has not
    consented to a host that needs it.
    """
    attach = declared(topology)
    consent = environment().get(CONSENT, "")
    if problems := [*without_consent(attach, topology, consent)]:
        raise RuntimeUnavailable(problems)
    return attach


def absent(attach: Attach, there: Mapping[str, ProxyState]) -> Iterator[Problem]:
    """Yield a Problem for each declared proxy that is not in `there`, which maps the name of each
    proxy on the server to its state.
    """
    for link, proxy in attach.links.items():
        if proxy not in there:
            expected = f"one of: {', '.join(there) or 'none'}"
            yield Problem(where=_where(link), reason=NO_PROXY(proxy=proxy), expected=expected)


def unfit(attach: Attach, there: Mapping[str, ProxyState]) -> Iterator[Problem]:
    """Yield a Problem for each declared proxy that is disabled, or that has a toxic of an unknown
    lab.
    """
    for link, proxy in attach.links.items():
        state = there.get(proxy)
        if state is not None and not state.enabled:
            fix = "enable it: a run requires a working path"
            yield Problem(where=_where(link), reason=DISABLED(proxy=proxy), fix=fix)
        elif state and (marked := [toxic for toxic in state.toxics if toxic.startswith(MARK)]):
            fix = "wait until it ends, or remove them if it no longer runs"
            reason = UNKNOWN_LAB(proxy=proxy, toxics=marked)
            yield Problem(where=_where(link), reason=reason, fix=fix)


def _where(link: str) -> str:
    return f'[attach.links."{link}"]'


def host_and_port(url: str) -> tuple[str, int]:
    """The host and the port of a URL; port 80 if it names none."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or 80
