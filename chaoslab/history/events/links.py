"""Events of the connections and packets on a link, and of the connections that a server counts
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from chaoslab.history.events.base import BootEvent, Event, LinkReading


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSockets(BootEvent):
    """The app's own sockets on a link, as the kernel lists them. Recorded at each change.

    `syn_sent` and `established` are the app's local ports, by the state of the socket.
    """

    link: str
    syn_sent: tuple[int, ...]
    established: tuple[int, ...]
    kind: Literal["app_sockets"] = "app_sockets"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBypassed(BootEvent):
    """A connection to a link's server that neither the link's proxy nor the lab opened.

    `boot` is 0 if the process belongs to no boot of an app, or is not known. `pid` is 0 if the
    machine does not show which process holds the connection. `seen` names where the lab found the
    connection: among the sockets of the app's processes, or among all connections to the server,
    whichever process holds them. A connection is recorded once for each of the two. Only the first
    connections of each link and boot are recorded.
    """

    link: str
    pid: int
    process: str
    local_port: int
    remote: str
    seen: Literal["app sockets", "server connections"]
    kind: Literal["path_bypassed"] = "path_bypassed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How one toxic or connect mode affected one connection.

    `bytes` is how many bytes it acted on. `goodbye` of these bytes are only the client's last
    message.
    """

    name: str
    type: str
    stream: str
    bytes: int
    goodbye: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMessage:
    """A message on one connection that the toxic of a fault looks for. `word` is its first word.

    It was the `number`-th on the link. `acted` is whether the toxic acted on it.
    """

    toxic: str
    stream: str
    word: str
    at_s: float
    number: int
    acted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConnection(LinkReading):
    """One connection, as the proxy engine recorded it.

    `asked_s` is when the app last sent anything other than its last message. `answered_s` is when
    the service last sent anything. `dismissed_s` is when the service announced that it ends the
    connection. `ending` says which side ended first, at `ending_s`. `dead_s` is when a heal left
    the connection dead. Runs that older versions saved do not have these six.

    `messages` are those that faults look for. `unread` is why the connection's messages could not
    be read. Both are empty if no fault of the plan looks for messages on the link.
    """

    connection: int
    client_port: int
    opened_s: float
    closed_s: float | None
    bytes_upstream: int
    bytes_downstream: int
    held_upstream: int
    held_downstream: int
    effects: Annotated[tuple[Effect, ...], Field(validation_alias=AliasChoices("effects", "met"))]
    end: str | None
    asked_s: float | None = None
    answered_s: float | None = None
    dismissed_s: float | None = None
    ending: str | None = None
    ending_s: float | None = None
    dead_s: float | None = None
    messages: tuple[SeenMessage, ...] = ()
    unread: str = ""
    kind: Literal["link_connection"] = "link_connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLeftDead(LinkReading):
    """How many connections of the app the heal of the fault left dead: open on both sides, and
    silent for ever. Canaries are left out.
    """

    connections: int
    kind: Literal["link_left_dead"] = "link_left_dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDrops(LinkReading):
    """How many SYNs the kernel dropped at the link's socket, canaries included."""

    syn_drops: int
    kind: Literal["link_drops"] = "link_drops"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPackets(LinkReading):
    """What the kernel has counted at the link's port so far, without canaries. Read when the fault
    was observed in force, and again just before its heal.

    `syns` and `bytes_up` arrived from the app; `bytes_down` and `resets` were sent to it. Bytes
    include headers. `packets_dropped` counts packets of established connections.
    """

    syns: int
    syns_dropped: int
    packets_dropped: int
    bytes_up: int
    bytes_down: int
    resets: int
    kind: Literal["link_packets"] = "link_packets"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMetered(LinkReading):
    """How many bytes the ended connections of a link's proxy have carried so far, by the proxy's
    own metrics, without canaries. Read before the fault begins, and again before its heal.
    """

    ended_bytes: int
    kind: Literal["link_metered"] = "link_metered"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSessions(Event):
    """The sessions that come through a link's proxy, without the lab's own, by the numbers that the
    service's server gives them. Recorded at the first query, and then at each change.
    """

    link: str
    sessions: tuple[int, ...]
    kind: Literal["link_sessions"] = "link_sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConnections(Event):
    """How many client connections a service's server itself counts, without the lab's own. None if
    the server did not answer. Recorded at the first query, and then at each change.
    """

    service: str
    count: int | None
    kind: Literal["server_connections"] = "server_connections"
