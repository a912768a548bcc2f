"""Recovery: healthy in time, stable, in the same process, and proved in the database. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given
from chaoslab.evidence.late_recovery import late_recovery
from chaoslab.evidence.proof import by_load, by_write, way_shown
from chaoslab.evidence.reasons import MISSED, NOT_REACHED
from chaoslab.evidence.recovery import (
    NO_HEAL,
    after_heal,
    exit_after_heal,
    fault_in_force,
    fault_missed,
    healthy,
    not_healthy,
    not_stable,
    replaced_by_plan,
    stayed_healthy,
    watched_shortly,
)
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    between_looks,
    exited,
    healthy_since,
    recovery_span,
    samples,
    spawned,
    still_asked,
    unheard,
    watched_until_s,
)
from chaoslab.evidence.waits import waited_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultHealed,
    FaultMissed,
    HealthSample,
    ReadBack,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, ProofWanted, Seen
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown

LATE_S = 0.5  # past the bound, for the figures of a recovery that comes a little too late


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers(Expectation):
    """Within `within_s` of the last heal health is healthy and a write through the app is
    acknowledged, and found in the database itself; health stays healthy for `stable_s`, in the same
    process. Each fault that was healed needs a way back that was observed: by that write, or by
    health that was not healthy under the fault.

    `proved` asks for that write; None asks for it where the app declares how it writes.
    """

    within_s: float | None = None
    proved: bool | None = None
    stable_s: float | None = None
    boot: int = 1
    kind: Literal["recovers"] = "recovers"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        if self.stable_s is not None:
            yield from needs.above(place, 0, stable_s=self.stable_s)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)

    @property
    def proof(self) -> ProofWanted | None:
        if not self.proved:
            return None
        return ProofWanted(within_s=self.within_s or 0.0, stable_s=self.stable_s or 0.0)

    def awaits(self, seen: Seen) -> bool:
        """Healthy again, up to its bound."""
        healthy = seen.state is HealthState.HEALTHY
        return not healthy and seen.now_s < seen.healed_s + (self.within_s or 0.0)

    @property
    def needs_writes(self) -> bool:
        return bool(self.proved)

    def longest_s(self, place: Place) -> float:
        del place
        return (self.within_s or 0.0) + (self.stable_s or 0.0)

    def resolved(self, app: App) -> Self:
        within_s = app.deadlines.recovery_s if self.within_s is None else self.within_s
        proved = app.writes is not None if self.proved is None else self.proved
        stable_s = app.deadlines.stable_s if self.stable_s is None else self.stable_s
        return replace(
            self,
            app=app.name,
            within_s=within_s,
            proved=proved,
            stable_s=stable_s,
        )

    def given(self, run: Run) -> Iterator[Given]:
        if (span := recovery_span(run.history, self.app, self.boot)) is not None:
            due = replace(span, end_s=span.start_s + (self.within_s or 0.0))
            yield Given(span=due, done_s=_recovered_s(self, span, run.history))

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        return recovers(self, run.plan.sampling, run.history, run.plan.faults)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return recovery_under_way(self, run.plan, run.history, now_s)


def recovers(
    e: Recovers, sampling: Sampling, history: History, faults: Sequence[Declared] = ()
) -> Verdict:
    """Healthy and serving within the bound of the last heal, for a while, in the same process.

    `faults` are those of the plan: by their kinds it is known how health shows them.
    """
    begun, span = spawned(history, e.app, e.boot), recovery_span(history, e.app, e.boot)
    claim = _claim(e, restart_observed=begun is None or not begun.standing)
    of_boot = tuple(replaced_by_plan(e, history))
    if begun is None or span is None:
        return unknown(e.kind, claim, NO_HEAL(), *of_boot)
    if missed := fault_missed(history):
        return unknown(e.kind, claim, missed)
    ended = exited(history, e.app, e.boot)
    if ended and not ended.asked and ended.at_s <= span.end_s:
        return failed(e.kind, claim, *exit_after_heal(begun.pid, ended, span))
    if in_force := fault_in_force(history, span):
        return unknown(e.kind, claim, in_force, *of_boot)
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    if since is None:
        return _never_healthy(e, claim, history, span)
    return _once_healthy(e, claim, sampling, history, span=span, since=since, faults=faults)


def _claim(e: Recovers, *, restart_observed: bool) -> str:
    serves = " and acknowledges a write" if e.proved else ""
    process = "in the same process" if restart_observed else "(a restart of it is not observed)"
    bound = f"within {e.within_s} s of the heal"
    return f"{e.app} is healthy{serves} {bound}, and stays healthy for {e.stable_s} s {process}"


def _once_healthy(
    e: Recovers,
    claim: str,
    sampling: Sampling,
    history: History,
    *,
    span: Span,
    since: HealthSample,
    faults: Sequence[Declared],
) -> Verdict:
    """In time, for a while, and shown to be back."""
    because = [healthy(e, history, span, since)]
    asked, due_s = after_heal(e, history, span), span.start_s + (e.within_s or 0.0)
    if e.within_s is not None and answered_s(since) - span.start_s > e.within_s:
        before = next((s for s in reversed(asked) if s.at_s < since.at_s), None)
        if unseen := between_looks(before, since, due_s):
            return unknown(e.kind, claim, *because, unseen)
        late = MISSED(late_s=answered_s(since) - due_s)
        return failed(e.kind, claim, *because, late, *late_recovery(e, history, span.start_s))
    watched = [s for s in asked if s.at_s >= since.at_s]
    if short := not_stable(watched, e.stable_s or 0.0, sampling):
        return unknown(e.kind, claim, *because, short, *replaced_by_plan(e, history))
    because.append(stayed_healthy(watched))
    proof = by_write(e, history, span) if e.proved else by_load(e, history, span)
    if e.proved and proof.outcome is not Outcome.PASS:
        judged = failed if proof.outcome is Outcome.FAIL else unknown
        return judged(e.kind, claim, *because, *proof.because)
    shown = way_shown(e, history, span, faults, proof.service)
    because += proof.because
    if shown.outcome is not Outcome.PASS:
        return unknown(e.kind, claim, *shown.because, *because)
    return passed(e.kind, claim, *because, *shown.because)


def _never_healthy(e: Recovers, claim: str, history: History, span: Span) -> Verdict:
    """A failure only where somebody asked, up to the bound."""
    due_s = span.start_s + (e.within_s or 0.0)
    last = next(reversed(after_heal(e, history, span)), None)
    why = not_healthy(span, last)
    until_s = min(watched_until_s(history, e.app, e.boot), span.end_s)
    if until_s - span.start_s < (e.within_s or 0.0):
        short = NOT_REACHED(until_s=until_s, bound_s=due_s)
        return unknown(e.kind, claim, why, short, *replaced_by_plan(e, history))
    if early := unheard([last] if last else [], due_s):
        return unknown(e.kind, claim, why, early)
    return failed(e.kind, claim, why, *late_recovery(e, history, span.start_s))


def recovery_under_way(e: Recovers, plan: Plan, history: History, now_s: float) -> str | None:
    """Wait for health in time, then for as long as it is to be stable, and for the proof."""
    if exited(history, e.app, e.boot) is not None:
        return None  # by itself, which is a failure; or the plan has replaced it
    if (span := recovery_span(history, e.app, e.boot)) is None:
        over = {h.fault for h in history.of(FaultHealed)}
        over |= {m.fault for m in history.of(FaultMissed)}
        return None if {f.label for f in plan.faults} <= over else "a heal to recover from"
    due_s, stable_s = span.start_s + (e.within_s or 0.0), e.stable_s or 0.0
    # its waits for a core apart, at most as long again: so a late one is distinguished from none
    late_s = LATE_S + min(
        due_s - span.start_s, waited_s(history, e.app, e.boot, span.start_s, now_s)
    )
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    mine = [s for s in samples(history, e.app, e.boot) if answered_s(s) <= span.end_s]
    if (since is None or answered_s(since) > due_s) and now_s > due_s + late_s:
        # where it is asked seldom, for an answer since the bound: without one nobody can tell
        asked = bool(unheard(mine, due_s)) and still_asked(mine, plan.sampling, now_s)
        return f"the recovery of {e.app}" if asked else None
    seen = [s for s in mine if since and s.at_s >= since.at_s]
    stable = bool(seen) and not watched_shortly(seen, stable_s)  # as the verdict counts
    if not stable and still_asked(seen, plan.sampling, now_s):
        return f"the recovery of {e.app}"
    proved = not e.proved or _looked_up(e, history, span) or now_s > due_s + late_s
    shown_s = plan.sampling.cadence_s + plan.sampling.timeout_s  # of the sample that shows it
    given_up = now_s > due_s + late_s + stable_s + shown_s
    return None if given_up or (stable and proved) else f"the recovery of {e.app}"


def _looked_up(e: Recovers, history: History, span: Span) -> bool:
    """Whether an acknowledged proof was looked for in the database."""
    proofs = {
        w.op
        for w in history.of(Write)
        if (w.app, w.purpose, w.outcome) == (e.app, "proof", "ok") and w.at_s >= span.start_s
    }
    looks = (b for b in history.of(ReadBack) if b.app == e.app)
    return any(proofs & {*b.found, *b.missing} for b in looks)


def _recovered_s(e: Recovers, span: Span, history: History) -> float:
    """When what was late came, or was given up: health, or else the write that is asked for."""
    until_s = watched_until_s(history, e.app, e.boot)
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    healthy_s = answered_s(since) if since else until_s
    if not e.proved or healthy_s > span.start_s + (e.within_s or 0.0):
        return healthy_s
    proofs = (w for w in history.of(Write) if (w.app, w.purpose) == (e.app, "proof"))
    mine = (w for w in proofs if w.outcome == "ok" and span.start_s <= w.at_s <= until_s)
    return min((w.at_s + w.took_s for w in mine), default=until_s)
