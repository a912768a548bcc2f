"""Who may ask the API: whoever names it by an address of its own, and never a browser.

A page in a browser can send requests to loopback, and by a name that its owner points there
("DNS rebinding") even read the answers. Such a request bears the page's own name as `Host`, or an
`Origin`, or the marks that every browser sets. Source: Fetch Metadata Request Headers (W3C),
RFC 6454 (Origin), RFC 9110 7.2 (Host).
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from chaoslab.engine.http import Answer, Request, plain_error

ANY_HOST = "*"
# `Sec-Fetch-Mode` is none of them: Node's own fetch sends it as well.
_MARKS = ("sec-fetch-site", "sec-fetch-dest")
_SHOWN_CHARACTERS = 80


class Guard:
    """Lets pass what names a loopback address, the address that was connected to, or `allowed`."""

    def __init__(self, *allowed: str) -> None:
        self._allowed = frozenset(filter(None, map(_plain, allowed)))

    def refusal(self, request: Request) -> Answer | None:
        """403 for a host that is not ours, and for a browser; None where it may pass."""
        if any(name in request.headers for name in _MARKS):
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
    """Whether an address to listen on can be reached from this machine alone."""
    return Guard()._known(_plain(host), "")


def _host(named: str) -> str:
    """The host of a `Host` or an `Origin`, without scheme and port; empty where there is none."""
    authority = named.partition("://")[2] if "://" in named else named
    try:
        return _plain(urlsplit(f"//{authority}").hostname or "")
    except ValueError:
        return ""


def _plain(host: str) -> str:
    """As names are compared: lower case, no brackets, no dot at the end, an IPv4 as such."""
    name = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    return name.removeprefix("::ffff:")
