"""What the lab must know of a kind of server, and the abilities that a kind may lack.

A kind is one module (or one folder) of this package, and one line of the table in `__init__`. A
kind lacks an ability that is None: `ability` then raises an error that names it.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from chaoslab.errors import ChaoslabError, ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import Identity
from chaoslab.model.loader.base import Shape
from chaoslab.model.requests import Found
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.path import NoTarget, Target, Walker
from chaoslab.services.programs import Program
from chaoslab.services.urls import with_scheme

OWN_NAME = "chaoslab-lab"  # the name of the lab's own sessions, which are left out of all evidence
MOST_TABLES = 500  # of those that are listed
AGENT_IMAGE = "(the lab's agent)"  # in place of an image: the one that the lab builds
Stop = tuple[tuple[signal.Signals, float], ...]
T = TypeVar("T")

LACKS_ABILITY = ErrorCode(
    "service.lacks_ability",
    "a service of kind '{kind}' cannot {ability}",
    "A service's kind lacks an ability that the run needs, such as to run as a process.",
)
SERVER_ERROR = ErrorCode(
    "service.server_error",
    "{cause}",
    "A service's server answered the lab's own session with an error, or did not answer.",
)
NO_LOG_IN = ErrorCode(
    "service.no_log_in",
    "{cause}",
    "The lab cannot log in to a service that runs already.",
)


class TalkFailed(ChaoslabError):
    """The lab's own session at a server failed: the server gave no answer, or an error."""


@contextmanager
def talking(*errors: type[Exception]) -> Iterator[None]:
    """Turn `errors` of a driver, and errors of the network, in the `with` block into TalkFailed."""
    expected: tuple[type[Exception], ...] = (*errors, OSError, TimeoutError)
    try:
        yield
    except expected as error:
        cause = f"{type(error).__name__}: {cause_of(error)}"
        raise TalkFailed(Problem(reason=SERVER_ERROR(cause=cause))) from error


def cause_of(error: BaseException) -> str:
    """The text of an error, as one line."""
    return " ".join(str(error).split())


class LocalServer(Protocol):
    """How to run one server as processes of this machine: its program, data, command and URL."""

    @property
    def version(self) -> str:
        """The server's product, its version, and where its program was found, for people."""

    @property
    def identity(self) -> Identity:
        """The user that the server's processes run as."""

    @property
    def stop_by(self) -> Stop:
        """The signals of an orderly stop, in order, each with the seconds to wait for the
        server's end.
        """

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Create the server's data in the new folder `home`. Raises ServiceFailed if that fails."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The command that starts the server on the data in `home`, at that port of 127.0.0.1."""

    async def answers(self, port: int) -> bool:
        """Whether the server answers its own protocol at that port of 127.0.0.1. It raises no
        error.
        """

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of the server through that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAccess:
    """The means by which the lab reaches a server in a container from this machine.

    `port` is a port of 127.0.0.1 that leads to the server. `run` runs a command inside the
    container and returns its output; it blocks, and raises ServiceFailed if the command fails.
    """

    port: int
    run: Callable[[Sequence[str]], str]


class ContainerServer(Protocol):
    """How to use one server in a container. Each lab has its own place in the server, such as a
    database.
    """

    @property
    def port(self) -> int:
        """The port on which the server listens inside its container."""

    @property
    def command(self) -> tuple[str, ...] | None:
        """The command of the container; None for the image's own."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables of the container."""

    async def answers(self, port: int) -> bool:
        """Whether the server answers its own protocol at that port of 127.0.0.1. It raises no
        error.
        """

    def prepare(self, access: ContainerAccess) -> str:
        """Prepare the server after its first answer, and return its product and version. Blocks.

        Called once for a container. Raises ServiceFailed if the server cannot be prepared.
        """

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create an empty place in the server for the lab with the name `lab`. Blocks. Raises
        ServiceFailed if that fails.
        """

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Remove the lab's place from the server, even if clients are connected. Blocks. Raises
        ServiceFailed if that fails.
        """

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The connection URL of the lab's place in the server, through that address."""


class ServerCount(Protocol):
    """A session of the lab that reads one number which a server counts."""

    async def count(self) -> int:
        """The number now. Raises TalkFailed; the session cannot be used again then."""

    def hang_up(self) -> None:
        """End the connection at once; a running `count` then fails."""

    async def close(self) -> None:
        """Close the session. `count` must have ended: call `hang_up`, and wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCounter:
    """How the lab counts the commands that a server has carried out since its start.

    `open` opens a session at a URL, whose number is that of the commands of all clients, without
    the lab's own as far as the server distinguishes them. A server may count up to `late_s` seconds
    of commands later than it carries them out.
    """

    open: Callable[[str], Awaitable[ServerCount]]
    late_s: float = 0.0


class Rows(Protocol):
    """A session of the lab at a server, not through a proxy, that looks up what an app wrote."""

    async def found(self, place: Found, ops: Sequence[str]) -> Mapping[str, int]:
        """Maps each of the ids `ops` that is at the place to how often it is there: the number of
        its rows, or of its entries in a list. Other ids are absent.

        Raises TalkFailed if the server gives no answer, or an error.
        """

    async def close(self) -> None: ...


class ServerView(Protocol):
    """A session of the lab that lists a server's sessions that come through one proxy."""

    async def sessions(self) -> tuple[int, ...]:
        """The server's own numbers of the sessions that come through the proxy, without the lab's.

        Raises TalkFailed if the server gives no answer, or an error.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDialogue:
    """How `chaoslab preflight --live` checks a declared path to a server of the kind.

    `targets(link, url, source, secret)` yields the hosts that a URL names, and raises ValueError
    for a URL of another kind. `secret` returns the value of another variable. `walk` checks all
    steps from an open connection to an answered query.
    """

    targets: Callable[[str, str, str, Callable[[str], str]], Iterator[Target | NoTarget]]
    walk: Walker


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of server.

    `port` is its usual port, `schemes` are those of its URLs. `question` returns what a canary
    sends to a service of this kind. `keys` are the keys that only this kind has in
    `[services.<name>]`. `image` is its usual image. `goodbyes` are the last messages of its
    clients; `dismissals` are bytes in a message by which a server ends a connection. `messages` is
    the protocol whose messages the proxy engine reads on its links, empty if it reads none: a fault
    can act at a message then.

    `fields` are the placeholders that apps can use besides `url`, `host` and `port`: it maps each
    to a function of the service's URL, as of a link, which returns the value. `url_as` returns a
    URL with another scheme, as in `{postgres.url:postgresql+asyncpg}`. `client` returns the command
    with which a person opens a session at a URL, such as `psql` and its arguments; None if there is
    no usual one.

    `variables` returns, for a port, the environment variables of a command that the topology
    declares. Such a command also gets the machine's environment, and runs in the working directory
    of the test run; other programs get a small environment and a folder of their own. `elsewhere`
    returns the URL of a service that runs already, which the lab does not start or stop; empty for
    other services. `image_of` returns the image that a service names itself, or `AGENT_IMAGE`;
    empty if the kind's image is used. `with_own_name` adds the name of the lab's own sessions to a
    URL. `data` says where the data of a service is that runs as a process: in `home`, its own
    folder, which may be copied while the server is down and used at another port; `none` if it has
    no data; `unknown` if the lab does not know.

    The abilities, each None if the kind lacks it: `program` and `local` run the server as
    processes; `container` runs it in the lab's own container. `stack` uses it in a Compose stack,
    given its container's environment variables: a lab has its own place in the server, does not
    read or change what was there before, and leaves nothing. `about` returns product and version of
    the server at a URL. `count_clients` opens a session at a URL that counts the clients of the
    server, without the lab's own sessions. `count_commands` counts commands. `rows` opens a session
    at a URL that finds what an app wrote by table and column, or by key, as `found_by` says.
    `tables` lists the tables of the database at a URL. `view` opens a session, given the server's
    URL and the URL through a proxy; it returns None if the server does not report what is needed.
    `dialogue` checks a declared path.
    """

    name: str
    port: int
    schemes: tuple[str, ...]
    question: Callable[[Service], Question]
    keys: type[Shape] = Shape
    image: str = ""
    goodbyes: frozenset[bytes] = frozenset()
    dismissals: tuple[bytes, ...] = ()
    messages: str = ""
    fields: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    url_as: Callable[[str, str], str] = with_scheme
    client: Callable[[str], tuple[str, ...]] | None = None
    program: Program | None = None
    local: Callable[[Service, Path, Mapping[str, str]], LocalServer] | None = None
    variables: Callable[[Service, int], Mapping[str, str]] | None = None
    elsewhere: Callable[[Service], str] = lambda _: ""
    container: Callable[[Service], ContainerServer] | None = None
    image_of: Callable[[Service], str] = lambda _: ""
    stack: Callable[[Service, Mapping[str, str]], ContainerServer] | None = None
    with_own_name: Callable[[str], str] = str
    data: Callable[[Service], Literal["home", "none", "unknown"]] = lambda _: "unknown"
    about: Callable[[str], Awaitable[str]] | None = None
    count_clients: Callable[[str], Awaitable[ServerCount]] | None = None
    count_commands: CommandCounter | None = None
    rows: Callable[[str], Awaitable[Rows]] | None = None
    found_by: Literal["table", "key"] = "table"
    tables: Callable[[str], Awaitable[tuple[str, ...]]] | None = None
    view: Callable[[str, str], Awaitable[ServerView | None]] | None = None
    dialogue: PathDialogue | None = None

    @property
    def finds_by(self) -> str:
        """How the lab looks up what an app wrote to a server of this kind: by `table` or by `key`.
        Empty if it cannot.
        """
        return self.found_by if self.rows is not None else ""


def ability(found: T | None, kind: Kind, what: str, fix: str) -> T:
    """Return `found`, an ability of `kind`. Raises RuntimeUnavailable if the kind lacks it
    (None).
    """
    if found is None:
        reason = LACKS_ABILITY(kind=kind.name, ability=what)
        raise RuntimeUnavailable(Problem(reason=reason, fix=fix))
    return found
