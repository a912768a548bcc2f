"""Which requests the API serves: those with an allowed `Host`, and none from a browser.

A page in a browser can send requests to loopback. With a name that its owner points to loopback
("DNS rebinding") it can even read the answers. Such a request has the page's own name as `Host`,
or an `Origin`, or headers that every browser sets. Source: Fetch Metadata Request Headers (W3C),
RFC 6454 (Origin), RFC 9110 7.2 (Host).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from chaoslab.engine.http_messages import Answer, Request, plain_error

ANY_HOST = "*"
# Not `Sec-Fetch-Mode`: Node's own fetch sends it as well.
_BROWSER_HEADERS = ("sec-fetch-site", "sec-fetch-dest")
_SHOWN_CHARACTERS = 80


class HostCheck:
    """Allows loopback names, the address that the client connected to, and `allowed` names."""

    def __init__(self, *allowed: str) -> None:
        self._allowed = frozenset(filter(None, map(_plain, allowed)))

    def refusal(self, request: Request) -> Answer | None:
        """403 for a host that is not allowed and for a browser; None for an allowed request."""
        if any(name in request.headers for name in _BROWSER_HEADERS):
            return plain_error("browsers are not allowed", 403)
        for header in ("host", "origin"):
            named = request.headers.get(header)
            if named is not None and not self._known(_host(named), request.reached):
                shown = named[:_SHOWN_CHARACTERS]
                return plain_error(
                    f"{header.capitalize()} not allowed: {shown} (see --allow-host)", 403
                )
        return None

    def _known(self, host: str, reached: str) -> bool:
        if ANY_HOST in self._allowed or host in self._allowed:
            return True
        if host and host == _plain(reached):
            return True
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    return HostCheck()._known(_plain(host), "")


def _host(named: str) -> str:
    """The host of a `Host` or an `Origin`, without scheme and port; empty where there is none."""
    authority = named.partition("://")[2] if "://" in named else named
    try:
        return _plain(urlsplit(f"//{authority}").hostname or "")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    """A name as it is compared: lower case, no brackets, no final dot, IPv4 unmapped."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    return name.removeprefix("::ffff:")
