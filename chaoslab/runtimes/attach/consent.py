"""Which hosts an attached lab uses, and whether the user has consented to each. Pure.

A lab that is attached to a host by mistake severs somebody's database. So a host that may be more
than a test needs a consent outside the topology file, which is copied from one system to the next.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from chaoslab.errors import ErrorCode, Problem
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import Attach, Topology

CONSENT = "CHAOSLAB_CONSENT"
NO_CONSENT = ErrorCode(
    "attach.no_consent",
    "no consent to use {host}, which is neither loopback nor a name under .localhost or .test",
    "Attach mode would use a host that may be more than a test, and CHAOSLAB_CONSENT does not name "
    "it with its links.",
    data=("links",),
)
_TEST_NAMES = (".localhost", ".test")  # RFC 6761: no public host has a name under them


def hosts_of(attach: Attach, topology: Topology) -> Mapping[str, tuple[str, ...]]:
    """Maps each host that the lab uses to the links for which it uses it: all links of [attach]
    for the proxy server, those of the app for an app, those to the service for a service.
    """
    links: dict[str, dict[str, None]] = {}

    def note(url: str, names: tuple[str, ...]) -> None:
        if host := urlsplit(url).hostname:
            links.setdefault(host, {}).update(dict.fromkeys(names))

    note(attach.toxiproxy, tuple(attach.links))
    for name, url in attach.apps.items():
        note(url, tuple(link.name for link in topology.links if link.app == name))
    for name, url in attach.services.items():
        note(url, tuple(link.name for link in topology.links if link.service == name))
    return {host: tuple(names) for host, names in links.items()}


def without_consent(attach: Attach, topology: Topology, consent: str) -> Iterator[Problem]:
    """Yields a Problem for each host that needs a consent and has none.

    `consent` is the text of the variable: `HOST=LINK,LINK`, more of them after a space.
    """
    given = _given(consent)
    for host, links in hosts_of(attach, topology).items():
        if _is_test_host(host) or given.get(host, frozenset()).issuperset({*links, ""}):
            continue
        yield Problem(
            where="[attach]",
            reason=NO_CONSENT(host=host, links=links),
            fix=f"if faults may be injected there, set {CONSENT}={host}={','.join(links)}"
            " (several hosts: separated by a space)",
        )


def touched(attach: Attach, topology: Topology) -> Iterator[str]:
    """Yields lines that say what attached labs change, and what they ask and read."""
    for link, proxy in attach.links.items():
        yield f"attach: injects faults on {link}: proxy {proxy} of {_address(attach.toxiproxy)}"
    for name, url in attach.apps.items():
        sends = ["health"] + [f"{each.kind} {each.name}" for each in _requests(topology, name)]
        yield f"attach: sends to {name} at {_address(url)}: {', '.join(sends)}"
    for name, url in attach.services.items():
        yield f"attach: reads {name} at {_address(url)}"
    yield "attach: starts and stops nothing; heals every fault at the end"


def _requests(topology: Topology, app: str) -> Iterator[RequestContract]:
    if app in topology.apps:
        yield from topology.apps[app].requests.values()


def _address(url: str) -> str:
    """The host and port of a URL, without a user and a password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _given(consent: str) -> dict[str, frozenset[str]]:
    """Maps each host that the text names to its links, and to `""`, which stands for the host."""
    pairs = (word.partition("=") for word in consent.split())
    return {host.lower(): frozenset({*links.split(","), ""}) for host, _, links in pairs}


def _is_test_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(_TEST_NAMES)
