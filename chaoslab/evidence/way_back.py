"""What was seen of the way back from a fault: it tells one late recovery from another. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaoslab.evidence.claim import Bounded
from chaoslab.evidence.timeline import answered_s, samples, watched_until_s
from chaoslab.evidence.traffic import app_connections, engine_tells
from chaoslab.history.events import AppSockets, FaultHealing, LinkConnection, LossNamed
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState

LONG_S = 2.0  # no connect for longer than this is what should be told first


def way_back(e: Bounded, history: History, healed_s: float) -> Iterator[str]:
    """Whether it was healthy for a moment, what it still calls lost, and when it tried its links.

    Nothing of it is judged. A link without a proxy that keeps records is told of by the app's own
    sockets, which do not show a connect that ends at once.
    """
    yield from _lost_again(e, history, healed_s)
    named = history.last(LossNamed, lambda n: (n.app, n.boot) == (e.app, e.boot))
    if named is not None and named.lost:
        yield f"it still names {', '.join(named.lost)} as lost"
    healing = history.last(FaultHealing)
    begun_s = min(healing.at_s, healed_s) if healing else healed_s
    links = {s.link for s in history.of(AppSockets)} | {c.link for c in history.of(LinkConnection)}
    for link in sorted(link for link in links if link.partition(".")[0] == e.app):
        tells = engine_tells(history, link, "")
        seen = _by_records if tells else _by_sockets
        yield _told(link, seen(e, link, history, begun_s), healed_s, e, history, tells=tells)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """When connections were opened since the heal began, and how many older ones were left."""

    opened_s: list[float]
    older: int


def _lost_again(e: Bounded, history: History, healed_s: float) -> Iterator[str]:
    """The first time that it was healthy and then was not."""
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= healed_s]
    good = next((s for s in seen if s.state is HealthState.HEALTHY), None)
    if good is None:
        return
    later = (s for s in seen if s.at_s >= answered_s(good))
    bad = next((s for s in later if s.state is not HealthState.HEALTHY), None)
    if bad is not None:
        after_s, held_s = answered_s(good) - healed_s, bad.at_s - answered_s(good)
        lost = f"{bad.state.value} again {held_s:.3f} s later"
        yield f"it was healthy {after_s:.3f} s after the heal, and {lost}"


def _told(
    link: str, seen: _Seen, healed_s: float, e: Bounded, history: History, *, tells: bool
) -> str:
    """Looks at the sockets see no connect that ends between two of them: no more is claimed."""
    tried = "tried" if tells else "seen"
    older = f" ({seen.older} older ones lived on)" if seen.older else ""
    count = len(seen.opened_s)
    until_s = seen.opened_s[0] if count else watched_until_s(history, e.app, e.boot)
    waited_s = max(0.0, until_s - healed_s)
    if not count or waited_s > LONG_S:
        then = f", then {count}" if count else ""
        pause = f"for {waited_s:.1f} s after the heal"
        return f"no connection was {tried} on {link} {pause}{then}{older}"
    first = f"the first {waited_s:.1f} s after it"
    return f"{count} connections were {tried} on {link} after the heal, {first}{older}"


def _by_records(_: Bounded, link: str, history: History, begun_s: float) -> _Seen:
    told = app_connections(history, link, "")
    before = [c for c in told if c.opened_s < begun_s]
    older = sum(c.closed_s is None or c.closed_s >= begun_s for c in before)
    return _Seen(opened_s=[c.opened_s for c in told if c.opened_s >= begun_s], older=older)


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
