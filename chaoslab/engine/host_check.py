"""Refuses requests to the API from browsers and requests with a `Host` that is not allowed.

A web page can send requests to loopback. If its owner lets the page's own name resolve to loopback
("DNS rebinding"), it can also read the answers. Such a request has the page's name as `Host`, or
an `Origin`, or headers that only browsers set. Source: Fetch Metadata Request Headers (W3C),
RFC 6454 (Origin), RFC 9110 7.2 (Host).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from chaoslab.engine.http_messages import Answer, Request, plain_error

ANY_HOST = "*"
# `Sec-Fetch-Mode` is not in the list, because Node's own fetch sends it too.
_BROWSER_HEADERS = ("sec-fetch-site", "sec-fetch-dest")
_SHOWN_CHARACTERS = 80


class HostCheck:
    """Checks that a request comes from no browser and has an allowed `Host` and `Origin`.

    Loopback names, the address that the client connected to, and the names `allowed` are allowed.
    """

    def __init__(self, *allowed: str) -> None:
        self._allowed = frozenset(filter(None, map(_normalized, allowed)))

    def refusal(self, request: Request) -> Answer | None:
        """The 403 answer to a browser, or to a request whose `Host` or `Origin` is not allowed.

        None if the request is allowed. A browser is recognised by its `Sec-Fetch-*` headers.
        """
        if any(name in request.headers for name in _BROWSER_HEADERS):
            return plain_error("browsers are not allowed", 403)
        for header in ("host", "origin"):
            named = request.headers.get(header)
            if named is not None and not self._is_allowed(_host(named), request.local_address):
                shown = named[:_SHOWN_CHARACTERS]
                return plain_error(
                    f"{header.capitalize()} not allowed: {shown} (see --allow-host)", 403
                )
        return None

    def _is_allowed(self, host: str, local_address: str) -> bool:
        if ANY_HOST in self._allowed or host in self._allowed:
            return True
        if host and host == _normalized(local_address):
            return True
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def is_loopback(host: str) -> bool:
    """Whether `host`, as an address to listen on, can be reached from this machine only."""
    return HostCheck()._is_allowed(_normalized(host), "")


def _host(named: str) -> str:
    """The host in a `Host` or `Origin` header, without scheme and port; empty if there is none."""
    authority = named.partition("://")[2] if "://" in named else named
    try:
        return _normalized(urlsplit(f"//{authority}").hostname or "")
    except ValueError:
        return ""


def _normalized(host: str) -> str:
    """A host in the form used for comparison: lower case, no brackets, no final dot, plain IPv4."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    return name.removeprefix("::ffff:")
