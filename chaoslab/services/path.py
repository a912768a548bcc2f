"""What the checks of a path to a server share: the steps, the outcomes, the target and the
progress.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from chaoslab.clock import now_s
from chaoslab.services.answers import Streams

Step = Literal["address", "name", "connect", "answer", "log in", "query"]
STEPS: tuple[Step, ...] = ("name", "connect", "answer", "log in", "query")
Outcome = Literal[
    "undeclared",
    "no address",
    "unknown name",
    "unresolved",
    "refused",
    "dropped",
    "unreachable",
    "silent",
    "closed",
    "other protocol",
    "TLS asked",
    "wrong credentials",
    "missing database",
    "full",
    "not ready",
    "failed",
    "answered",
]


class Ended(Exception):
    """A path ended before its query was answered.

    `words` are the server's own words, or the cause.
    """

    def __init__(self, outcome: Outcome, words: str = "") -> None:
        super().__init__(outcome)
        self.outcome, self.words = outcome, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address to which a host name resolves, in the form of the socket module."""

    family: int
    at: tuple[str, int]

    def __str__(self) -> str:
        return self.at[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One host to check for a link, with what is needed to log in.

    `params` are the parameters of the URL's query. `source` says where the URL is from.
    """

    link: str
    kind: str
    source: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: bool = False
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTarget:
    """A link without a usable address, and why.

    `declared` is False if no rule names an address for the link.
    """

    link: str
    source: str
    why: str
    declared: bool = True


class PathProgress:
    """The step at which the check of a path is now, and the seconds that each step has taken so
    far.
    """

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self.at: Step = "address"
        self.took_s: dict[Step, float] = {}

    @asynccontextmanager
    async def step(self, name: Step, *, bounded: bool = True) -> AsyncIterator[None]:
        """Run the `with` block as a step, and measure its time. Raises Ended if the block takes
        longer than `within_s`.

        If `bounded` is False, there is no limit.
        """
        self.at, begun_s = name, now_s()
        try:
            async with asyncio.timeout(self.within_s if bounded else None):
                yield
        except TimeoutError:
            raise Ended("unresolved" if name == "name" else "silent") from None
        finally:
            self.took_s[name] = now_s() - begun_s


def target_of(
    link: str, url: str, source: str, *, kind: str, ports: Mapping[str, int]
) -> Target:  # fmt: skip
    """The target that a URL names. `ports` maps each allowed scheme to its usual port.

    Raises ValueError for a URL with another scheme, or without a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in ports or not parts.hostname:
        raise ValueError(f"not a URL of kind '{kind}'")
    return Target(
        link=link,
        kind=kind,
        source=source,
        host=parts.hostname,
        port=parts.port or ports[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.removeprefix("/")),
        params={key: given[-1] for key, given in parse_qs(parts.query).items()},
    )


@contextmanager
def closed_at_end(sock: socket.socket) -> Iterator[ExitStack]:
    """Give the `with` block a stack for the streams that `opened` makes. After the block, close
    these streams and the socket.

    Raises Ended if the server closes the connection in the block.
    """
    try:
        with ExitStack() as open_streams:
            yield open_streams
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise Ended("closed", getattr(error, "strerror", "") or "") from None
    finally:
        sock.close()


async def opened(
    sock: socket.socket, host: str, tls: ssl.SSLContext | None, open_streams: ExitStack
) -> Streams:
    """Streams on the connected socket, with TLS if `tls` is given. `open_streams` closes the
    streams. Raises Ended if TLS fails.
    """
    name = host if tls else None
    try:
        streams = await asyncio.open_connection(sock=sock, ssl=tls, server_hostname=name)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        raise Ended("TLS asked", f"the URL asks for TLS: {reason}") from None
    open_streams.callback(streams[1].transport.abort)
    return streams


def not_the_protocol(head: bytes) -> Ended:
    """The error for a path on which the first bytes of an answer are not those of the protocol."""
    shown = " ".join(f"0x{byte:02x}" for byte in head)
    return Ended("other protocol", f"its answer begins with the bytes {shown}")


# From an open connection to an answered query. Raises Ended.
Walker = Callable[[PathProgress, Target, socket.socket, Address], Awaitable[None]]
