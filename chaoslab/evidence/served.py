"""The writes that show whether an app served its users, before, between and after faults. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.claim import OfBootRequest
from chaoslab.evidence.timeline import asked_s, life
from chaoslab.evidence.traffic import is_near, load_requests, near_faults, no_answer, ready_s
from chaoslab.history.events import FaultHealed, FaultRequested, Request
from chaoslab.history.journal import History
from chaoslab.history.moments import find
from chaoslab.model.plan import Plan
from chaoslab.reason import Code, Reason


def _counts_text(data: Mapping[str, Any]) -> str:
    silent = f", {data['no_answer']} without an answer" if data["no_answer"] else ""
    wrong = f", {data['wrong']} with a wrong content" if data["wrong"] else ""
    return (
        f"{data['acknowledged']} acknowledged ({data['fresh']} on fresh connections), "
        f"{data['refused']} refused{wrong}{silent}"
    )


BEFORE = Code(
    "serve.before_faults",
    lambda data: f"before the first fault: {_counts_text(data)}",
    "The results of the writes before the first fault.",
    data=("acknowledged", "fresh", "refused", "no_answer", "wrong"),
)
BETWEEN = Code(
    "serve.between_faults",
    lambda data: f"between faults: {_counts_text(data)}",
    "The results of the writes between faults, in the times in which none was in force.",
    data=("acknowledged", "fresh", "refused", "no_answer", "wrong"),
)
AFTER = Code(
    "serve.after_faults",
    lambda data: (
        f"from {data['since_s']:.3f} s on (the last heal and the time to recover): "
        f"{_counts_text(data)}"
    ),
    "The results of the writes after the last heal and the app's time to recover.",
    data=("since_s", "acknowledged", "fresh", "refused", "no_answer", "wrong"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The writes that count: sent once the app was ready, and not during or shortly after a fault.

    `calm_s` is the time at which the last fault had been healed and the app had had its time to
    recover. It is infinite if a fault was not healed, and None if no fault was requested in the
    life of this boot. `first_fault_s` is the time of the first fault.
    """

    writes: Sequence[Request]
    calm_s: float | None
    first_fault_s: float

    @property
    def after(self) -> list[Request]:
        """The writes that were sent after the last heal and the time to recover."""
        return [] if self.calm_s is None else [w for w in self.writes if w.at_s > self.calm_s]

    def counts(self) -> Iterator[Reason]:
        """Yields a reason with the results of the writes before the faults, one for those between
        faults, and one for those after. Yields nothing if there was no fault.
        """
        if self.calm_s is None:
            return
        before = [w for w in self.writes if w.at_s < self.first_fault_s]
        between = [w for w in self.writes if self.first_fault_s <= w.at_s <= self.calm_s]
        yield BEFORE(**_counts(before))
        if between:
            yield BETWEEN(**_counts(between))
        if self.calm_s < math.inf:
            yield AFTER(since_s=self.calm_s, **_counts(self.after))


def served(e: OfBootRequest, history: History, recovery_s: float) -> Served | None:
    """The writes that count for this boot. None if the app was never ready."""
    since_s = ready_s(history, e.app, e.boot)
    if since_s is None:
        return None
    near = near_faults(history, recovery_s)
    mine = load_requests(history, e.app, e.boot, e.request)
    faults = _faults_of(e, history)
    healed_s = {h.fault: h.at_s for h in history.of(FaultHealed)}
    heals_s = [healed_s.get(label, math.inf) for label in faults]
    return Served(
        writes=[w for w in mine if w.at_s >= since_s and not is_near(w, near)],
        calm_s=max(heals_s) + recovery_s if heals_s else None,
        first_fault_s=min((asked_s(history, label) for label in faults), default=math.inf),
    )


def is_enough(after: Sequence[Request], after_heal: int) -> bool:
    """Whether `after` has at least `after_heal` writes, and at least half of that number were sent
    on new connections.
    """
    return len(after) >= after_heal and fresh(after) >= half(after_heal)


def fresh(writes: Iterable[Request]) -> int:
    """The number of `writes` that were sent on a new connection."""
    return sum(w.fresh for w in writes)


def half(after_heal: int) -> int:
    """The number of writes, of `after_heal` required ones, that must use a new connection. New
    connections reach every worker.
    """
    return (after_heal + 1) // 2


def loads_over(e: OfBootRequest, plan: Plan, history: History, calm_s: float) -> dict[str, float]:
    """Maps the name of each load of the app, such as `load[0]`, to the time at which it stopped.
    Empty if one of the loads was not stopped by `calm_s`.
    """
    over: dict[str, float] = {}
    for i, load in enumerate(plan.load):
        if (load.app, load.request) != (e.app, e.request):
            continue
        came = find(load.stop, history.events) if load.stop else None
        if load.stop is None or came is None or came.at_s + load.stop.after_s > calm_s:
            return {}
        over[f"load[{i}]"] = came.at_s + load.stop.after_s
    return over


def _faults_of(e: OfBootRequest, history: History) -> list[str]:
    """The labels of the faults that were requested before the end of this boot, each once, in
    order.
    """
    lived = life(history, e.app, e.boot)
    asked = (f for f in history.of(FaultRequested) if lived and f.at_s <= lived.end_s)
    return list(dict.fromkeys(f.fault for f in asked))


def _counts(writes: Sequence[Request]) -> dict[str, int]:
    ok = [w for w in writes if w.outcome == "ok"]
    silent, wrong = sum(no_answer(w) for w in writes), sum(w.outcome == "wrong" for w in writes)
    return {
        "acknowledged": len(ok),
        "fresh": fresh(ok),
        "refused": len(writes) - len(ok) - silent - wrong,
        "no_answer": silent,
        "wrong": wrong,
    }
