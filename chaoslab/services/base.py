"""The shape of a kind of server: all that the lab must know of it, and what it may lack.

A kind is one module (or one folder) of this package, and one line of the table in `__init__`. What
a kind leaves out (None) is an ability that it lacks: whoever needs it asks with `ability`, which
says so by name. Drivers are imported by the functions that talk, so that the table costs nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from chaoslab.errors import ChaoslabError, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import Identity
from chaoslab.model.loader.base import Shape
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service, WriteContract
from chaoslab.services.path import NoTarget, Target, Walker
from chaoslab.services.programs import Program

OWN_NAME = "chaoslab-lab"  # the lab's own sessions say so, and are left out of all evidence
AGENT_IMAGE = "(the lab's agent)"  # in place of an image: the one that the lab builds
Stop = tuple[tuple[signal.Signals, float], ...]
T = TypeVar("T")


class TalkFailed(ChaoslabError):
    """A server could not be asked, or did not answer: the driver's own words."""


class LocalServer(Protocol):
    """A server as processes of this machine, of one version."""

    @property
    def version(self) -> str:
        """Product, version and origin, for people."""

    @property
    def identity(self) -> Identity:
        """Who runs it."""

    @property
    def stop_by(self) -> Stop:
        """The signals of an orderly end, and how many seconds each gets."""

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Lay its data in the new folder `home`."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """How it is started on that data and port."""

    async def answers(self, port: int) -> bool:
        """Whether it answers its own protocol; a refusal is False, never an error."""

    def url(self, endpoint: Endpoint) -> str:
        """Its connection URL through that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAccess:
    """How a server in a container is reached from this machine.

    `port` is a port of 127.0.0.1 that leads to the server. `run` runs a command inside the
    container and returns its output; it blocks, and raises ServiceFailed if the command fails.
    """

    port: int
    run: Callable[[Sequence[str]], str]


class ContainerServer(Protocol):
    """A server in a container. Each lab has a place of its own in it, such as a database."""

    @property
    def port(self) -> int:
        """The port on which it listens inside its container."""

    @property
    def command(self) -> tuple[str, ...] | None:
        """The container's command; None for the image's own."""

    @property
    def env(self) -> Mapping[str, str]:
        """The container's environment variables."""

    async def answers(self, port: int) -> bool:
        """Whether it answers its own protocol at that port of 127.0.0.1; never an error."""

    def prepare(self, access: ContainerAccess) -> str:
        """Prepare it once, when it first answers; returns product and version. Blocks.

        Raises ServiceFailed.
        """

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create an empty place for the lab. Blocks. Raises ServiceFailed."""

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Remove the lab's place, even if clients are connected. Blocks. Raises ServiceFailed."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The connection URL of the lab's place, through that address."""


class ClientCount(Protocol):
    """A session that counts a server's clients; closed at its end."""

    async def count(self) -> int:
        """The clients that are connected now, those with the lab's name left out.

        Raises TalkFailed; the session is of no use then.
        """

    def hang_up(self) -> None:
        """End the connection, so that a question under way has its end as well."""

    async def close(self) -> None:
        """Let go of the server; while no question is under way."""


class Rows(Protocol):
    """A session that looks rows up past every proxy; closed at its end."""

    async def found(self, contract: WriteContract, ops: Sequence[str]) -> Mapping[str, int]:
        """How often each of the ids is there; no other column is read. Raises TalkFailed."""

    async def close(self) -> None: ...


class ServerView(Protocol):
    """What a server shows of the sessions that come through one proxy; closed at its end."""

    async def sessions(self) -> tuple[int, ...]:
        """The server's own numbers of those that there are now, the lab's own left out.

        Raises TalkFailed.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDialogue:
    """How `chaoslab preflight --live` walks a declared path to such a server.

    `targets(link, url, source, secret)` are the hosts that a URL names, where `secret` gives the
    value of another variable. `walk` goes from the connect to an answered query.
    """

    targets: Callable[[str, str, str, Callable[[str], str]], Iterator[Target | NoTarget]]
    walk: Walker


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of server.

    `port` is its usual one, `schemes` those of its URLs. `question` is what a canary asks of a
    service of this kind. `keys` are the kind's own in `[services.<name>]`, `image` what it runs
    from in a container. `goodbyes` are the last messages of its clients, `dismissals` the bytes in
    a server's message by which it ends a connection.

    `variables` are those of a command that the topology declares, given its port: it has the
    machine's environment too, and the working directory of the test run. Other programs get little
    of the environment, and a folder of their own. `elsewhere` is the URL of a service that runs
    already, which the lab neither starts nor stops; empty for the others. `image_of` is the image
    that a service names itself, or `AGENT_IMAGE`; empty where the kind's own is meant.

    Abilities, each absent (None) where the kind lacks it: `program` and `local` (as processes);
    `container`; `stack` (in a Compose stack, by its container's environment: a lab has a place of
    its own in it, takes nothing of what is there, and leaves nothing); `about` (log in; product and
    version); `count_clients`; `rows`; `view` (by its own URL and the one through the proxy);
    `dialogue`.
    """

    name: str
    port: int
    schemes: tuple[str, ...]
    question: Callable[[Service], Question]
    keys: type[Shape] = Shape
    image: str = ""
    goodbyes: frozenset[bytes] = frozenset()
    dismissals: tuple[bytes, ...] = ()
    program: Program | None = None
    local: Callable[[Service, Path, Mapping[str, str]], LocalServer] | None = None
    variables: Callable[[Service, int], Mapping[str, str]] | None = None
    elsewhere: Callable[[Service], str] = lambda _: ""
    container: Callable[[Service], ContainerServer] | None = None
    image_of: Callable[[Service], str] = lambda _: ""
    stack: Callable[[Service, Mapping[str, str]], ContainerServer] | None = None
    signed: Callable[[str], str] = str
    about: Callable[[str], Awaitable[str]] | None = None
    count_clients: Callable[[str], Awaitable[ClientCount]] | None = None
    rows: Callable[[str], Awaitable[Rows]] | None = None
    view: Callable[[str, str], Awaitable[ServerView | None]] | None = None
    dialogue: PathDialogue | None = None

    @property
    def keeps_rows(self) -> bool:
        """Whether what an app wrote there can be looked up."""
        return self.rows is not None


def ability(found: T | None, kind: Kind, what: str, fix: str) -> T:
    """The ability of a kind. Raises RuntimeUnavailable where the kind lacks it."""
    if found is None:
        raise RuntimeUnavailable(f"a service of kind '{kind.name}' cannot {what}\n  {fix}")
    return found
