"""`keeps_acknowledged`: acknowledged writes are found in the database. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.kept import (
    ALL_FOUND,
    NOT_LOOKED_UP,
    counts_of,
    first_failed,
    last_looks,
    lost_writes,
)
from chaoslab.evidence.timeline import last_healed_s
from chaoslab.evidence.writing import (
    FEW_ACKNOWLEDGED,
    dry_s,
    loads_begin_s,
    more_of,
    started_by_s,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import Request
from chaoslab.model.expectation import Place
from chaoslab.model.values import above
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 5


def _repeated_text(data: Mapping[str, Any]) -> str:
    names = ("writes", "times", "outcomes", "status_codes")
    each = zip(*(data[name] for name in names), strict=True)
    named = (f"{write} {times} times ({_came_to(*answer)})" for write, times, *answer in each)
    return f"{data['count']} writes are there more than once: {', '.join(named)}"


def _came_to(outcome: str, status_code: int | None) -> str:
    if outcome == "ok":
        return "acknowledged"
    return "no answer" if status_code is None else f"answered {status_code}"


REPEATED = Code(
    "write.repeated",
    _repeated_text,
    "The lab sent writes once, and the database has them more than once. Some are named.",
    data=("count", "writes", "times", "outcomes", "status_codes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsAcknowledged(OfRequest):
    """Every write of the load that the app acknowledged is found in the database, and no write is
    there twice. At least `at_least` writes must be acknowledged.

    A write counts as lost only if it is missing `found.within_s` after its answer, or later. An app
    that declares `delivery = "at_least_once"` may store a write twice. A key for each id, and a
    read of the app, do not show how often a write is there: nothing is claimed of that then.
    """

    at_least: int = 1
    kind: Literal["keeps_acknowledged"] = "keeps_acknowledged"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False
    keeps_writes: ClassVar[bool] = True
    of_stop: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"request": lambda app: app.write and app.write.name}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        if self.request is not None:
            yield from needs.a_request(place, self, self.request, "write")
        yield from above(place.where, 0, at_least=self.at_least)

    def longest_s(self, place: Place) -> float:
        return self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        history, contract = run.history, run.app(self.app).requests.get(self.request or "")
        place = contract.looked_up if contract else None
        late_s = place.within_s if place else 0.0
        once = place is None or (place.delivery == "exactly_once" and place.counts)
        claim = f"every write that {self.app} acknowledged is kept (at least {self.at_least})"
        mine = [w for w in history.of(Request) if (w.app, w.request) == (self.app, self.request)]
        writes = [w for w in mine if w.purpose == "load"]
        ok = [w for w in writes if w.outcome == "ok"]
        looked = last_looks(self.app, mine, history, late_s)
        once = once and looked.counted
        claim += ", and none is there twice" if once else ""
        counts = counts_of(writes)
        lost = [w for w in ok if looked.there.get(w.op) is False]
        wrong = [*lost_writes(lost, late_s)] + (_repeated(mine, looked.often) if once else [])
        if wrong:
            return failed(self.kind, claim, *wrong, counts)
        if unseen := sum(w.op not in looked.there for w in ok):
            return unknown(self.kind, claim, NOT_LOOKED_UP(count=unseen, after_s=late_s), counts)
        if len(ok) < self.at_least:
            few = FEW_ACKNOWLEDGED(count=len(ok), at_least=self.at_least)
            return unknown(self.kind, claim, few, counts, *first_failed(writes))
        return passed(self.kind, claim, counts, ALL_FOUND(once=once))

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says how many more acknowledged writes the run waits for, until there are
        `at_least`. None if there are enough, or if none was acknowledged for too long.
        """
        plan, history = run.plan, run.history
        ok = [w for w in self.of_mine(history) if w.outcome == "ok"]
        begins_s = [*loads_begin_s(self.app, plan, history), last_healed_s(history) or 0.0]
        if not ok:
            begins_s.append(started_by_s(self.app, history, run.app(self.app).deadlines.startup_s))
        return more_of(ok, self.at_least, begins_s, now_s, dry_s(self.app, plan))


def _repeated(writes: Sequence[Request], often: Mapping[str, int]) -> list[Reason]:
    """A list with the reason that names writes that are in the database more than once,
    acknowledged or not; empty if there are none.
    """
    twice = [w for w in writes if often.get(w.op, 0) > 1]
    if not twice:
        return []
    named = twice[:MOST_NAMED]
    repeated = REPEATED(
        count=len(twice),
        writes=[w.op for w in named],
        times=[often[w.op] for w in named],
        outcomes=[w.outcome for w in named],
        status_codes=[w.status_code for w in named],
    )
    return [repeated]
