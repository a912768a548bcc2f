"""Listen addresses, read and written as Go's `net` package does."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from dataclasses import dataclass

from chaoslab.engine.wire import ApiError, digits

# A name has 253 characters at most (RFC 1035, 2.3.4), and a scope and a port may follow.
_MOST_CHARACTERS = 300
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A listen address, `host:port`, with an IPv6 host in brackets. `text` is what the API shows.

    `fault` is the reason why the address cannot be opened: a disabled proxy may have any text.
    """

    text: str
    host: str = ""
    port: int = 0
    fault: str = ""

    @classmethod
    def bound(cls, address: tuple[str, int]) -> ListenAddress:
        """The ListenAddress of a bound socket, from its host and port."""
        return cls(join_host_port(*address), *address)

    def for_binding(self) -> tuple[str, int]:
        """Host and port to bind. No host means all interfaces, of IPv6 too if there is any.

        Raises ApiError 500 if this is not an address.
        """
        if self.fault:
            raise ApiError(self.fault, 500)
        if self.host:
            return self.host, self.port
        return ("::" if _has_ipv6() else "0.0.0.0"), self.port

    def cannot_bind(self, error: Exception) -> ApiError:
        """The ApiError 500 for an address that cannot be bound because of `error`.

        For common errors the text is Toxiproxy's.
        """
        number = getattr(error, "errno", None)
        why = os.strerror(number).lower() if number else str(error)
        if number == errno.EADDRNOTAVAIL:
            why = "cannot assign requested address"
        shown = join_host_port(self.host, self.port) if self.host else self.text
        return ApiError(f"listen tcp {shown}: bind: {why}", 500)


def join_host_port(host: str, port: int) -> str:
    """The host and the port as one text, `host:port`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def resolve(text: str, *, to_open: bool) -> ListenAddress:
    """Read a listen address, resolve its name and return it. Raises ApiError 500 with Go's error
    text.

    With `to_open` the error begins with "listen tcp:", as in Go when it is about to open the port.
    `text` stays as given until the port is bound.
    """
    try:
        return await _resolve(text)
    except _NoAddress as error:
        raise ApiError(f"listen tcp: {error}" if to_open else str(error), 500) from None


async def resolve_for_later(text: str) -> ListenAddress:
    """The ListenAddress for a proxy that starts disabled. If the address cannot be resolved, no
    error is raised now; the address has the `fault`, and the error is raised when the proxy is
    enabled.
    """
    try:
        return await resolve(text, to_open=True)
    except ApiError as error:
        return ListenAddress(text, fault=error.text)


def require_possible(**addresses: str) -> None:
    """Raise ApiError 400, with the field's name, for an address that no resolver can read.

    Other wrong addresses fail when they are opened or dialled, as in Toxiproxy.
    """
    for field, text in addresses.items():
        if why := _impossible(text):
            raise ApiError(f"{field}: address {text[:_SHOWN_CHARACTERS]}: {why}", 400)


def _impossible(text: str) -> str:
    if len(text) > _MOST_CHARACTERS:
        return "longer than any address"
    if any(character < " " or character == "\x7f" for character in text):
        return "a control character in an address"
    host, colon, port = text.rpartition(":")
    if colon and port.isnumeric() and digits(port) is None:
        return "invalid port"
    name = host if colon else text
    if colon or name.isascii():
        try:
            name.encode("idna")  # the resolver does the same
        except UnicodeError:
            return "not a possible host name: a label is empty, too long, or not allowed"
    return ""


class _NoAddress(Exception):
    """The text is not an address; the message of this error is the reason."""


async def _resolve(text: str) -> ListenAddress:
    if not text:
        return ListenAddress(text)
    host, colon, port = text.rpartition(":")
    if not colon:
        raise _NoAddress(f"address {text}: missing port in address")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _NoAddress(f"address {text}: too many colons in address")
    number = digits(port) if port else 0
    if number is None or number > 65535:
        raise _NoAddress(f"address {port}: invalid port")
    return ListenAddress(text, await _numeric(host) if host else "", number)


async def _numeric(host: str) -> str:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            return socket.inet_ntop(family, socket.inet_pton(family, host))
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # ValueError: an impossible host name
        raise _NoAddress(f"lookup {host}: no such host") from None
    # As Go does: IPv4 first if a name has both.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
