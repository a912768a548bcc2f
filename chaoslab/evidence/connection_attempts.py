"""How often an app tried to connect on a link during a fault, and right after its heal. Pure.

The proxy's records give the exact count, if each connect reaches the proxy. Else the app's own
sockets give a lower bound, and the kernel's counts of SYNs, if there are any, an upper bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from chaoslab.evidence.counters import packets_counted, syns_dropped
from chaoslab.evidence.timeline import Span, fault_span, lived_alone
from chaoslab.evidence.traffic import app_connections, engine_recorded, most_within, pauses
from chaoslab.history.events import AppSockets, LinkConnection, LinkPackets
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link
from chaoslab.reason import Code, Reason

HERD_WINDOW_S = 0.5
FEW = 6  # fewer tries than this show neither back-off nor jitter
RARER = 0.7  # pauses grow if the second half has at most this share of the first half's tries
ALIKE = 0.02  # pauses that differ by less than this fraction have no jitter

Source = Literal["proxy", "kernel", "sockets", "sockets_and_drops"]
SOURCES: Mapping[Source, str] = {
    "proxy": "the proxy's records",
    "kernel": "the kernel's count of SYNs",
    "sockets": "the app's sockets",
    "sockets_and_drops": "the app's sockets and the kernel's count of dropped SYNs",
}


def _count(data: Mapping[str, Any]) -> str:
    """The number of connects as text: exact, as a range, or as `at least` a number."""
    least, most = data["least"], data["most"]
    if most is None:
        return f"at least {least}"
    return str(least) if most == least else f"between {least} and {most}"


def _rate_text(data: Mapping[str, Any]) -> str:
    lasted_s, allowed = data["lasted_s"], data["allowed_per_s"]
    each = (data["least"], data["least"] if data["most"] is None else data["most"])
    rates = " to ".join(dict.fromkeys(f"{n / lasted_s:.0f}" for n in each))
    worst = data["worst_second"]
    in_worst = "" if worst is None else f", {worst} in the worst second"
    return (
        f"{_count(data)} connects in {lasted_s:.1f} s on {data['link']} ({rates}/s{in_worst}, "
        f"{allowed:g} are allowed), by {SOURCES[data['source']]}"
    )


RATE = Code(
    "retry.rate",
    _rate_text,
    "How often the app tried to connect on a link during a fault: at least `least`, at most `most` "
    "times (null: not known), counted by `source`.",
    data=("link", "least", "most", "lasted_s", "worst_second", "allowed_per_s", "source"),
)
PAUSES = Code(
    "retry.pauses",
    lambda data: (
        f"the pauses between tries {'grow' if data['grow'] else 'do not grow'}: {data['early']} "
        f"tries in the first half of that time, {data['late']} in the second"
    ),
    "Whether the app's tries to connect became rarer during the fault. This is reported and not "
    "judged.",
    data=("grow", "early", "late"),
)
NO_JITTER = Code(
    "retry.no_jitter",
    "no jitter: the last {count} pauses are alike within 2 %",
    "The last pauses between the app's tries to connect were almost equal, not random. This is "
    "reported and not judged.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often the app tried to connect: at least `least`, at most `most` times (None: not known).

    `times_s` are the times of the tries that are known. `until_s` is the time at which the lab last
    read the records from which the tries were counted; 0 if it was not computed.
    """

    least: int
    most: int | None
    source: Source
    times_s: tuple[float, ...] = ()
    until_s: float = 0.0


def rate_of(tries: Tries, link: Link, lasted_s: float, allowed_per_s: float) -> Reason:
    """The reason `RATE`: how often the app tried to connect on `link` in `lasted_s` seconds, and
    how many tries per second are allowed.
    """
    return RATE(
        link=link.name,
        least=tries.least,
        most=tries.most,
        lasted_s=lasted_s,
        worst_second=most_within(list(tries.times_s), 1.0) if tries.times_s else None,
        allowed_per_s=allowed_per_s,
        source=tries.source,
    )


def tries_of(fault: Declared, link: Link, during: Span, history: History, boot: int) -> Tries:
    """How often the app tried to connect on `link` in the time `during`, by the most exact source
    that the history has.
    """
    in_connect = fault.acts_on_connects
    if not in_connect and engine_recorded(history, link.name, fault.label):
        mine = app_connections(history, link.name, fault.label)
        times_s = tuple(c.opened_s for c in mine if during.holds(c.opened_s))
        return Tries(least=len(times_s), most=len(times_s), source="proxy", times_s=times_s)
    least = len(_seen_trying(link, during, history, boot))
    held = fault_span(history, fault.label)
    if held is None or not lived_alone(history, link.app, held):  # the kernel counts all boots
        return Tries(least=least, most=None, source="sockets")
    if (counted := packets_counted(link, fault, history)) is not None:
        if (
            counted.syns_dropped
        ):  # the kernel sends an unanswered SYN again: there are fewer connects
            return Tries(least=least, most=max(least, counted.syns), source="kernel")
        return Tries(least=counted.syns, most=counted.syns, source="kernel")
    if (dropped := _dropped(fault, link, during, history)) is not None:
        return Tries(least=least, most=max(least, dropped), source="sockets_and_drops")
    return Tries(least=least, most=None, source="sockets")


def _dropped(fault: Declared, link: Link, during: Span, history: History) -> int | None:
    if not fault.drops_every_connect:
        return None
    count = syns_dropped(link, fault, during, history)
    return count if count >= 0 else None


def _seen_trying(link: Link, during: Span, history: History, boot: int) -> dict[int, float]:
    """Maps the local port of each connect that was first observed in the time `during` to the time
    of that observation.
    """
    mine = [s for s in history.of(AppSockets) if (s.link, s.boot) == (link.name, boot)]
    before = [s for s in mine if s.at_s < during.start_s]
    known = {*before[-1].established, *before[-1].syn_sent} if before else set()
    seen: dict[int, float] = {}
    for look in (s for s in mine if during.holds(s.at_s)):
        for port in {*look.syn_sent, *look.established} - known:
            seen.setdefault(port, look.at_s)
    return seen


def retry_pattern(tries: Tries, during: Span) -> Iterator[Reason]:
    """Yields reasons that are reported and not judged: whether the tries became rarer from the
    first half of `during` to the second, and whether the pauses between them are alike. Yields
    nothing if there are too few tries.

    Halves are compared, and not single pauses, because several workers may try at the same time.
    """
    if len(tries.times_s) < FEW:
        return
    middle_s = (during.start_s + during.end_s) / 2
    early = sum(at_s < middle_s for at_s in tries.times_s)
    late = len(tries.times_s) - early
    yield PAUSES(grow=late <= RARER * early, early=early, late=late)
    ends = pauses(list(tries.times_s))[-max(3, len(tries.times_s) // 3) :]
    if max(ends) - min(ends) <= ALIKE * max(ends):
        yield NO_JITTER(count=len(ends))


def connects_after(fault: Declared, link: Link, after: Span, history: History, boot: int) -> Tries:
    """The largest number of connects on `link` within any half second of the time `after`, which
    begins at the heal of `fault`.

    `until_s` is the time at which the lab last read the records. If only the kernel counts the
    connects, `most` is the number of all connects since the heal.
    """
    if engine_recorded(history, link.name, ""):
        mine = app_connections(history, link.name, "")
        times_s = [c.opened_s for c in mine if after.holds(c.opened_s)]
        count = most_within(times_s, HERD_WINDOW_S)
        until_s = max(c.at_s for c in history.of(LinkConnection) if not c.fault)
        return Tries(
            least=count, most=count, source="proxy", times_s=tuple(times_s), until_s=until_s
        )
    seen_s = tuple(sorted(_seen_trying(link, after, history, boot).values()))
    least = most_within(list(seen_s), HERD_WINDOW_S)
    read = [p for p in history.of(LinkPackets) if p.link == link.name]
    before = [p for p in read if p.fault == fault.label]
    counted = bool(read and before and not read[-1].fault)
    if not counted or not lived_alone(history, link.app, replace(after, end_s=read[-1].at_s)):
        return Tries(least=least, most=None, source="sockets", times_s=seen_s)
    most = max(least, read[-1].syns - before[-1].syns)
    until_s = read[-1].at_s
    return Tries(least=least, most=most, source="sockets", times_s=seen_s, until_s=until_s)
