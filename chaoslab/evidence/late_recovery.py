"""Observations after a heal that can explain a late recovery. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.claim import Bounded
from chaoslab.evidence.timeline import answered_s, samples, watched_until_s
from chaoslab.evidence.traffic import app_connections, engine_recorded
from chaoslab.history.events import AppSockets, FaultHealing, LinkConnection, LossNamed
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]
LONG_S = 2.0  # a longer pause without a connect is reported as `link.not_connected`

DID_NOT_LAST = Code(
    "recovery.did_not_last",
    "it was healthy {after_s:.3f} s after the heal, and {state} again {held_s:.3f} s later",
    "Health was healthy after the heal, and later it was not.",
)
STILL_NAMED = Code(
    "health.names_lost",
    "it still names {lost} as lost",
    "The services that the last answer of health names as lost.",
)


def _not_connected(data: Data) -> str:
    then = f", then {data['connections']}" if data["connections"] else ""
    after = f"for {data['waited_s']:.1f} s after the heal{then}{_older(data)}"
    if data["recorded"]:
        return f"the proxy of {data['link']} accepted no connection of the app {after}"
    return f"no connection was observed on {data['link']} {after}"


def _connected(data: Data) -> str:
    count = data["connections"]
    many = f"{count} connection{'s' * (count != 1)}"
    after = f"after the heal, the first {data['waited_s']:.1f} s after it{_older(data)}"
    if data["recorded"]:
        return f"the proxy of {data['link']} accepted {many} of the app {after}"
    were = "was" if count == 1 else "were"
    return f"{many} {were} observed on {data['link']} {after}"


def _older(data: Data) -> str:
    return f" ({data['older']} older stayed open)" if data["older"] else ""


_LINK = ("link", "connections", "waited_s", "older", "recorded")
NOT_CONNECTED = Code(
    "link.not_connected",
    _not_connected,
    "No connection of the app on a link was observed for a long time after the heal, by a proxy's "
    "records (`recorded`), which miss a connect that does not reach the proxy, or by lists of the "
    "app's sockets, which miss a connection between two lists.",
    data=_LINK,
)
CONNECTED = Code(
    "link.connected",
    _connected,
    "How often, and how soon after the heal, the app connected on a link, by a proxy's records "
    "(`recorded`), or by lists of the app's sockets.",
    data=_LINK,
)


def late_recovery(e: Bounded, history: History, healed_s: float) -> Iterator[Reason]:
    """Yields reasons that can explain a late recovery: that the app was healthy only for a moment,
    what health still names as lost, and when the app connected on its links. They are reported and
    not judged.

    If no proxy records the connections of a link, the app's own sockets are used. They do not show
    a connection that ends at once.
    """
    yield from _lost_again(e, history, healed_s)
    named = history.last_of_boot(LossNamed, e.app, e.boot)
    if named is not None and named.lost:
        yield STILL_NAMED(lost=named.lost)
    healing = history.last(FaultHealing)
    begun_s = min(healing.at_s, healed_s) if healing else healed_s
    links = {s.link for s in history.of(AppSockets)} | {c.link for c in history.of(LinkConnection)}
    for link in sorted(link for link in links if link.partition(".")[0] == e.app):
        recorded = engine_recorded(history, link, "")
        seen = (_by_records if recorded else _by_sockets)(e, link, history, begun_s)
        until_s = min(seen.opened_s, default=watched_until_s(history, e.app, e.boot))
        waited_s = max(0.0, until_s - healed_s)
        code = NOT_CONNECTED if not seen.opened_s or waited_s > LONG_S else CONNECTED
        yield code(
            link=link,
            connections=len(seen.opened_s),
            waited_s=waited_s,
            older=seen.older,
            recorded=recorded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The app's connections on a link: `opened_s` has the times at which connections were opened
    since the heal began, `older` the number of earlier connections that stayed open.
    """

    opened_s: list[float]
    older: int


def _lost_again(e: Bounded, history: History, healed_s: float) -> Iterator[Reason]:
    """Yields a reason if health was healthy after the heal, and later was not."""
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= healed_s]
    good = next((s for s in seen if s.state is HealthState.HEALTHY), None)
    if good is None:
        return
    later = (s for s in seen if s.at_s >= answered_s(good))
    bad = next((s for s in later if s.state is not HealthState.HEALTHY), None)
    if bad is not None:
        after_s, held_s = answered_s(good) - healed_s, bad.at_s - answered_s(good)
        yield DID_NOT_LAST(after_s=after_s, held_s=held_s, state=bad.state.value)


def _by_records(_: Bounded, link: str, history: History, begun_s: float) -> _Seen:
    opened = app_connections(history, link, "")
    before = [c for c in opened if c.opened_s < begun_s]
    older = sum(c.closed_s is None or c.closed_s >= begun_s for c in before)
    return _Seen(opened_s=[c.opened_s for c in opened if c.opened_s >= begun_s], older=older)


def _by_sockets(e: Bounded, link: str, history: History, begun_s: float) -> _Seen:
    looks = [s for s in history.of(AppSockets) if (s.link, s.boot) == (link, e.boot)]
    before = [s for s in looks if s.at_s < begun_s]
    older = len(before[-1].established) if before else 0
    known = {*before[-1].established, *before[-1].syn_sent} if before else set()
    opened_s: list[float] = []
    for look in looks[len(before) :]:
        new = {*look.established, *look.syn_sent} - known
        opened_s += [look.at_s] * len(new)
        known |= new
    return _Seen(opened_s=opened_s, older=older)
