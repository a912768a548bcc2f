"""`keeps_acknowledged`: acknowledged writes are found in the database. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.timeline import Span, last_healed_s
from chaoslab.evidence.traffic import no_answer, over_s
from chaoslab.evidence.waits import losses_of, lost_in
from chaoslab.evidence.writing import (
    FEW_ACKNOWLEDGED,
    dry_s,
    loads_begin_s,
    more_of,
    started_by_s,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import ReadBack, Write
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.values import above
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 5
ACCEPTED = 202  # HTTP "accepted": the app has not stored the row yet


def _counts_text(data: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{data[name]} {name}" for name in ("ok", "failed", "indeterminate"))
    silent = f" ({data['no_answer']} without an answer)" if data["no_answer"] else ""
    return f"writes: {counts}{silent}"


COUNTS = Code(
    "write.counts",
    _counts_text,
    "How many writes of the loads were acknowledged, how many failed, and how many got no clear "
    "answer.",
    data=("ok", "failed", "indeterminate", "no_answer"),
)


def _lost_text(data: Mapping[str, Any]) -> str:
    since = f" {data['after_s']:g} s after their answer" if data["after_s"] else ""
    return f"{data['count']} acknowledged writes are not in the database{since}: " + ", ".join(
        data["writes"]
    )


LOST = Code(
    "write.lost",
    _lost_text,
    "Writes that the app had acknowledged were not found in the database. Some are named.",
    data=("count", "after_s", "writes"),
)
LOST_ACCEPTED = Code(
    "write.lost_accepted",
    "{count} of the lost writes were answered {status_code} (accepted); fix: declare kept_within_s "
    "in [apps.<app>.writes] if the app stores a write after its answer",
    "Lost writes were answered 202: the app may store them after its answer, but the topology "
    "declares no kept_within_s.",
)


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


def _not_looked_up_text(data: Mapping[str, Any]) -> str:
    if not data["after_s"]:
        return f"{data['count']} were not looked up after their answer"
    after = f"{data['after_s']:g} s after their answer, waits for a core not counted"
    return f"{data['count']} were not looked up {after}"


NOT_LOOKED_UP = Code(
    "write.not_looked_up",
    _not_looked_up_text,
    "The database was not read late enough to show whether acknowledged writes are kept.",
    data=("count", "after_s"),
)


def _all_found_text(data: Mapping[str, Any]) -> str:
    return "all found in the database" + (", none of them twice" if data["once"] else "")


ALL_FOUND = Code(
    "write.all_found",
    _all_found_text,
    "Every acknowledged write was found in the database. If `once` is true, none was there twice.",
    data=("once",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsAcknowledged(Expectation):
    """Every write of the load that the app acknowledged is found in the database, and no write is
    there twice. At least `at_least` writes must be acknowledged.

    A write counts as lost only if it is missing `kept_within_s` after its answer, or later. An app
    that declares `delivery = "at_least_once"` may store a write twice.
    """

    at_least: int = 1
    kind: Literal["keeps_acknowledged"] = "keeps_acknowledged"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False
    keeps_writes: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from above(place.where, 0, at_least=self.at_least)

    def longest_s(self, place: Place) -> float:
        return self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        app, history = run.app(self.app), run.history
        late_s = app.writes.kept_within_s if app.writes else 0.0
        once = app.writes is None or app.writes.delivery == "exactly_once"
        claim = f"every write that {self.app} acknowledged is kept (at least {self.at_least})"
        mine = [w for w in history.of(Write) if w.app == self.app]
        writes = [w for w in mine if w.purpose == "load"]
        ok = [w for w in writes if w.outcome == "ok"]
        looked = _last_looks(self.app, mine, history, late_s)
        once = once and looked.counted
        claim += ", and none is there twice" if once else ""
        counts = _counts(writes)
        lost = [w for w in ok if looked.there.get(w.op) is False]
        wrong = [*_lost(lost, late_s)] + (_repeated(mine, looked.often) if once else [])
        if wrong:
            return failed(self.kind, claim, *wrong, counts)
        if unseen := sum(w.op not in looked.there for w in ok):
            return unknown(self.kind, claim, NOT_LOOKED_UP(count=unseen, after_s=late_s), counts)
        if len(ok) < self.at_least:
            few = FEW_ACKNOWLEDGED(count=len(ok), at_least=self.at_least)
            return unknown(self.kind, claim, few, counts)
        return passed(self.kind, claim, counts, ALL_FOUND(once=once))

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says how many more acknowledged writes the run waits for, until there are
        `at_least`. None if there are enough, or if none was acknowledged for too long.
        """
        plan, history = run.plan, run.history
        mine = (w for w in history.of(Write) if w.app == self.app and w.purpose == "load")
        ok = [w for w in mine if w.outcome == "ok"]
        begins_s = [*loads_begin_s(self.app, plan, history), last_healed_s(history) or 0.0]
        if not ok:
            begins_s.append(started_by_s(self.app, history, run.app(self.app).deadlines.startup_s))
        return more_of(ok, self.at_least, begins_s, now_s, dry_s(self.app, plan))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """The results of the look-ups in the database. `there` maps a write's id to whether the write
    is in the database, `often` maps the id to how often it is there.

    `counted` is true if every look-up counted the rows.
    """

    there: Mapping[str, bool]
    often: Mapping[str, int]
    counted: bool


def _last_looks(app: str, writes: Iterable[Write], history: History, late_s: float) -> _Looked:
    """The result of the last look-up that counts for each write.

    A look-up before the answer to a write does not count for that write. A look-up before `late_s`
    had passed since the answer counts only if it found the write. The app's waits for a core do not
    count as part of `late_s`.
    """
    over = {w.op: over_s(w) for w in writes}
    (_, waits), _ = losses_of(app, None, history)

    def is_due(op: str, at_s: float) -> bool:
        since_s = over.get(op, 0.0)
        lost_s = lost_in(Span(start_s=since_s, end_s=at_s), waits) if late_s else 0.0
        return at_s - lost_s >= since_s + late_s

    there: dict[str, bool] = {}
    often: dict[str, int] = {}
    looks = [look for look in history.of(ReadBack) if look.app == app]
    for look in looks:
        there |= {op: True for op in look.found if look.at_s >= over.get(op, look.at_s)}
        there |= {op: False for op in look.missing if is_due(op, look.at_s)}
        often |= {op: (look.repeated or {}).get(op, 1) for op in look.found}
    counted = all(look.repeated is not None for look in looks)
    return _Looked(there=there, often=often, counted=counted)


def _counts(writes: Sequence[Write]) -> Reason:
    counts = {o: sum(w.outcome == o for w in writes) for o in ("ok", "failed", "indeterminate")}
    return COUNTS(**counts, no_answer=sum(no_answer(w) for w in writes))


def _lost(lost: Sequence[Write], late_s: float) -> Iterator[Reason]:
    if not lost:
        return
    yield LOST(count=len(lost), after_s=late_s, writes=[w.op for w in lost[:MOST_NAMED]])
    if not late_s and (later := sum(w.status_code == ACCEPTED for w in lost)):
        yield LOST_ACCEPTED(count=later, status_code=ACCEPTED)


def _repeated(writes: Sequence[Write], often: Mapping[str, int]) -> list[Reason]:
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
