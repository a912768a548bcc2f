"""`at_message`: a connection is cut, held or delayed at a message of its protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from chaoslab.errors import Problem
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import USE_TOXIPROXY, NetworkRule, Peer, Unsupported
from chaoslab.faults.toxics import toxic, toxic_name
from chaoslab.history.events import SeenMessage
from chaoslab.model.actions import Action, Capability, Stream
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, one_of, wrong
from chaoslab.reason import Code, Reason

At = Literal["before", "after"]
Do = Literal["cut", "hold", "delay"]

_DONE: Mapping[str, str] = {"cut": "cut", "hold": "held", "delay": "delayed"}
_STREAM: Mapping[At, Stream] = {"before": "upstream", "after": "downstream"}


def _acted_on(data: Mapping[str, Any]) -> str:
    """How many messages the fault acted on, what it did, and what the server had of them."""
    where = (
        "before the server had it" if data["at"] == "before" else "after the server completed it"
    )
    count, connections = data["messages"], data["connections"]
    return (
        f"{count} x '{data['message']}' on {connections} connections of the app:"
        f" {_DONE[data['do']]} {where}"
    )


def _none_came(data: Mapping[str, Any]) -> str:
    """Which message did not come, or which the server did not complete."""
    least = "no" if data["nth"] is None else f"fewer than {data['nth']}"
    if data["at"] == "before":
        return f"{least} '{data['message']}' of the app came while the fault was in force"
    return f"the server completed {least} '{data['message']}' of the app while it was in force"


MESSAGES_AFFECTED = Code(
    "fault.messages_affected",
    _acted_on,
    "The proxy read such messages on connections of the app, and acted on each of them. `after`: it"
    " also read the server's answer that the message is completed.",
    data=("message", "at", "do", "messages", "connections"),
)
NO_MESSAGE = Code(
    "fault.no_message",
    _none_came,
    "The fault was in force, and the proxy did not read its message on any connection of the app."
    " An answer with an error completes no message.",
    data=("message", "at", "nth"),
)
MESSAGES_UNREAD = Code(
    "fault.messages_unread",
    "the messages on {connections} connections of the app could not be read: {why}",
    "The fault acts at messages. On an encrypted connection, or one of another protocol, the proxy"
    " cannot read them.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMessage(LinkFault):
    """Acts at a message of the app to Postgres or Redis, on a connection without TLS.

    `message` is how the statement or command begins: `COMMIT`, `INSERT INTO orders`, `BRPOP jobs`.
    A `*` in it is any text, and `*` alone is every query or command. `at`: `before` the server has
    a byte of the message, or `after` it has completed it, when its answer is withheld. `nth`: only
    the n-th such message since the fault is in force, counted over all connections of the link;
    without it the fault acts at each.

    `do`: `cut` closes both sides of the connection, once all bytes before are delivered. `hold`
    keeps it open and holds the message, or the answer, and all bytes behind it in the same
    direction until the heal, which delivers them. `delay` delays them by `delay_s`.
    """

    message: str
    at: At = "before"
    do: Do = "cut"
    nth: int | None = None
    delay_s: float | None = None
    kind: Literal["at_message"] = "at_message"

    reads_messages: ClassVar[bool] = True
    # it would be a message too, and no canary is cut
    asks_canary: ClassVar[bool] = False

    def problems(self, where: str) -> Iterator[Problem]:
        if not self.message.strip():
            expected = "how a statement or a command begins"
            yield wrong(where, "message", self.message, expected, 'for example message="COMMIT"')
        yield from one_of(where, "at", self.at, get_args(At))
        yield from one_of(where, "do", self.do, get_args(Do))
        if self.nth is not None:
            yield from above(where, 0, nth=self.nth)
        if self.do != "delay" and self.delay_s is not None:
            fix = 'use do="delay", or remove it'
            yield wrong(where, "delay_s", self.delay_s, f"None with do={self.do!r}", fix)
        elif self.do == "delay" and not (self.delay_s is not None and self.delay_s > 0):
            yield wrong(where, "delay_s", self.delay_s, "more than 0 with do='delay'")

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        delay = round(1000 * (self.delay_s or 0))
        how: dict[str, int | str] = {"message": self.message, "do": self.do, "delay": delay}
        stream = _STREAM[self.at]
        return (toxic(self.label, proxy, "at_message", stream, nth=self.nth or 0, **how),)

    def shows(self, sighting: Sighting) -> bool | None:
        return None

    def observed(self, link: LinkView) -> Iterator[Reason]:
        each = [self._acted(c.messages, link) for c in link.connections]
        if affected := [messages for messages in each if messages]:
            yield MESSAGES_AFFECTED(
                message=self.message,
                at=self.at,
                do=self.do,
                messages=sum(map(len, affected)),
                connections=len(affected),
            )

    def _acted(self, seen: tuple[SeenMessage, ...], link: LinkView) -> list[SeenMessage]:
        mine = toxic_name(self.label, _STREAM[self.at])
        return [m for m in seen if m.acted and m.toxic == mine and link.span.holds(m.at_s)]

    def unreadable(self, link: LinkView) -> Reason | None:
        unread = [c.unread for c in link.connections if c.unread]
        return MESSAGES_UNREAD(connections=len(unread), why=unread[0]) if unread else None

    def not_observed(self, *, packets_counted: bool) -> Reason:
        return NO_MESSAGE(message=self.message, at=self.at, nth=self.nth)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        return Unsupported(what="NetworkChaos does not read messages", fix=USE_TOXIPROXY)
