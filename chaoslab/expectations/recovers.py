"""`recovers`: after the heal the app is healthy in time, stays so, and serves a write. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.as_one_boot import as_one_boot, restarted, restarted_by_supervisor
from chaoslab.evidence.given import Given
from chaoslab.evidence.late_recovery import late_recovery
from chaoslab.evidence.proof import by_load, by_write, recovery_shown
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
from chaoslab.evidence.supervision import restart_wait_s
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    exited_by,
    healthy_since,
    not_asked_at,
    not_asked_until,
    recovery_span,
    samples,
    spawned,
    still_asked,
    watched_until_s,
)
from chaoslab.evidence.waits import waited_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultMissed,
    HealthSample,
    ReadBack,
    Request,
    Spawned,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, ProofWanted, Seen
from chaoslab.model.health import HealthState
from chaoslab.model.plan import supervisor_of
from chaoslab.model.values import above, wrong
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code

TOO_OFTEN = Code(
    "recovery.restarted_too_often",
    "its supervisor restarted it more than {at_most} times after the heal",
    "The app's supervisor restarted it more often after the heal than the claim accepts.",
)
LATE_S = 0.5  # waited past the bound, so that a recovery that is a little late has its figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers(Expectation):
    """Within `within_s` of the last heal health is healthy, and a write of the lab through the app
    is acknowledged and then found in the database. Health stays healthy for `stable_s`, in the same
    process.

    By default the process is that of the boot. `restarts_at_most` is how often the app's supervisor
    may restart it after the heal; None means any number. Unless it is 0, restarts before the heal
    are accepted too. A restart alone is no recovery: the process that it started is judged.

    For each healed fault the lab must observe that the app reconnected: by that write, or because
    health was not healthy under the fault. `proved` says whether the write is required; None
    requires it if the app declares how it writes.
    """

    within_s: float | None = None
    proved: bool | None = None
    stable_s: float | None = None
    boot: int = 1
    restarts_at_most: int | None = 0
    kind: Literal["recovers"] = "recovers"

    app_defaults: ClassVar[AppDefaults] = {
        "within_s": lambda app: app.deadlines.recovery_s,
        "proved": lambda app: app.write is not None,
        "stable_s": lambda app: app.deadlines.stable_s,
    }

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        if self.stable_s is not None:
            yield from above(place.where, 0, stable_s=self.stable_s)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 0, restarts_at_most=self.restarts_at_most)
        if self.restarts_at_most != 0 and not needs.most_restarts(place, self):
            fix = "give the app a supervisor, or the plan boots=[Boot(supervisor=Supervisor())]"
            expected = "0: no supervisor restarts the app"
            yield wrong(place.where, "restarts_at_most", self.restarts_at_most, expected, fix)

    @property
    def proof(self) -> ProofWanted | None:
        if not self.proved:
            return None
        return ProofWanted(
            within_s=self.within_s or 0.0,
            stable_s=self.stable_s or 0.0,
            over_boots=self.restarts_at_most != 0,
        )

    def awaits(self, seen: Seen) -> bool:
        """Whether health is not healthy yet after the heal, and `within_s` is not over."""
        healthy = seen.state is HealthState.HEALTHY
        return not healthy and seen.now_s < seen.healed_s + (self.within_s or 0.0)

    def longest_s(self, place: Place) -> float:
        del place
        return (self.within_s or 0.0) + (self.stable_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        history = self.seen_in(run.history)
        if (span := recovery_span(history, self.app, self.boot)) is not None:
            due = replace(span, end_s=span.start_s + (self.within_s or 0.0))
            yield Given(span=due, done_s=_recovered_s(self, span, history))

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history = self.seen_in(run.history)
        begun = spawned(history, self.app, self.boot)
        span = recovery_span(history, self.app, self.boot)
        claim = _claim(self, restart_observed=begun is None or not begun.standing)
        if begun is None or span is None:
            return unknown(self.kind, claim, NO_HEAL(), *replaced_by_plan(self, history))
        again = self._restarts(run.history, span)
        verdict = self._after_heal(run, claim, span, again)
        return replace(verdict, because=(*verdict.because, *restarted_by_supervisor(again, span)))

    def seen_in(self, history: History) -> History:
        """The history by which the claim is judged: with restarts accepted, the boot and its
        restarts are one.
        """
        if self.restarts_at_most == 0:
            return history
        return as_one_boot(self.app, self.boot, history, to_the_end=True)

    def _restarts(self, history: History, span: Span) -> list[Spawned]:
        """The restarts by the app's supervisor that follow the boot, until the end of `span`."""
        again = restarted(self.app, self.boot, history)
        return [spawn for spawn in again if spawn.at_s <= span.end_s]

    def _after_heal(self, run: Run, claim: str, span: Span, again: Sequence[Spawned]) -> Verdict:
        """The verdict on the time `span` after the heal. `again` are the restarts until its end."""
        if missed := fault_missed(run.history):
            return unknown(self.kind, claim, missed)
        if gone := self._gone(run, span, again):
            process = spawned(run.history, self.app, gone.boot)
            assert process is not None, "the boot was spawned"
            return failed(self.kind, claim, *exit_after_heal(process.pid, gone, span))
        if self._too_often(span, again):
            return failed(self.kind, claim, TOO_OFTEN(at_most=self.restarts_at_most))
        history = self.seen_in(run.history)
        if in_force := fault_in_force(history, span):
            return unknown(self.kind, claim, in_force, *replaced_by_plan(self, history))
        since = self._since(run.history, span, again)
        if since is None:
            return _never_healthy(self, claim, history, span)
        mine = replace(run, history=history)
        return _once_healthy(self, claim, mine, span=span, since=since)

    def _gone(self, run: Run, span: Span, again: Sequence[Spawned]) -> Exited | None:
        """The exit by itself that contradicts the claim: that of the boot, or, with restarts
        accepted, one that no restart follows. None if there is none.
        """
        ended = exited_by(span.end_s, self._newest(again), run.history)
        if ended is None or self.restarts_at_most == 0:
            return ended
        later = run.history.first(Spawned, lambda s: s.app == self.app and s.boot > ended.boot)
        supervisor = supervisor_of(self.app, run.plan)
        wait_s = restart_wait_s(self.app, supervisor, run.history) if supervisor else None
        return ended if later is None and wait_s is None else None

    def _too_often(self, span: Span, again: Sequence[Spawned]) -> bool:
        """Whether the supervisor restarted the app more often after the heal than is accepted."""
        after = sum(spawn.at_s >= span.start_s for spawn in again)
        return bool(self.restarts_at_most) and after > (self.restarts_at_most or 0)

    def _newest(self, again: Sequence[Spawned]) -> Self:
        """The claim about the newest boot that it accepts."""
        return replace(self, boot=again[-1].boot) if again and self.restarts_at_most != 0 else self

    def _since(self, history: History, span: Span, again: Sequence[Spawned]) -> HealthSample | None:
        """The first answer of the healthy series at the end of `span`, in one process. None if the
        last answer is not healthy, or if the process has ended by itself.
        """
        newest = self._newest(again)
        if self.restarts_at_most != 0 and exited_by(span.end_s, newest, history):
            return None
        return healthy_since(history, self.app, newest.boot, span.start_s, span.end_s)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says that the run still waits for the recovery: for health to be healthy,
        then to stay so for `stable_s`, and for the required write to be looked up. None if the run
        waits no longer.
        """
        plan, history = run.plan, self.seen_in(run.history)
        if exited(history, self.app, self.boot) is not None:
            return None  # it exited by itself, which is a failure, or the plan replaced it
        if (span := recovery_span(history, self.app, self.boot)) is None:
            over = {h.fault for h in history.of(FaultHealed)}
            over |= {m.fault for m in history.of(FaultMissed)}
            return None if {f.label for f in plan.faults} <= over else "a heal to recover from"
        due_s, stable_s = span.start_s + (self.within_s or 0.0), self.stable_s or 0.0
        # also for as long as the app waited for a core, up to the bound again: so a recovery that
        # the machine made late is not mistaken for none
        late_s = LATE_S + min(
            due_s - span.start_s, waited_s(history, self.app, self.boot, span.start_s, now_s)
        )
        again = self._restarts(run.history, span)
        if self._too_often(span, again):
            return None
        since = self._since(run.history, span, again)
        mine = [s for s in samples(history, self.app, self.boot) if answered_s(s) <= span.end_s]
        if (since is None or answered_s(since) > due_s) and now_s > due_s + late_s:
            # an app that is asked seldom may have no answer since the bound yet
            asked = bool(not_asked_until(mine, due_s)) and still_asked(mine, plan.sampling, now_s)
            return f"the recovery of {self.app}" if asked else None
        seen = [s for s in mine if since and s.at_s >= since.at_s]
        stable = bool(seen) and not watched_shortly(seen, stable_s)  # the verdict's own condition
        if not stable and still_asked(seen, plan.sampling, now_s):
            return f"the recovery of {self.app}"
        proved = not self.proved or _looked_up(self, history, span) or now_s > due_s + late_s
        shown_s = plan.sampling.cadence_s + plan.sampling.timeout_s  # of the sample that shows it
        given_up = now_s > due_s + late_s + stable_s + shown_s
        return None if given_up or (stable and proved) else f"the recovery of {self.app}"


def _claim(e: Recovers, *, restart_observed: bool) -> str:
    serves = " and acknowledges a write" if e.proved else ""
    process = "in the same process" if restart_observed else "(a restart of it is not observed)"
    if e.restarts_at_most is None:
        process = "in one process, after any number of restarts by its supervisor"
    elif e.restarts_at_most:
        often = f"at most {e.restarts_at_most} restarts by its supervisor after the heal"
        process = f"in one process, after {often}"
    bound = f"within {e.within_s} s of the heal"
    return f"{e.app} is healthy{serves} {bound}, and stays healthy for {e.stable_s} s {process}"


def _once_healthy(e: Recovers, claim: str, run: Run, *, span: Span, since: HealthSample) -> Verdict:
    """The verdict for an app that became healthy: whether it was healthy in time and for long
    enough, and whether the recovery is proved.
    """
    history = run.history
    because = [healthy(e, history, span, since)]
    asked, due_s = after_heal(e, history, span), span.start_s + (e.within_s or 0.0)
    if e.within_s is not None and answered_s(since) - span.start_s > e.within_s:
        before = next((s for s in reversed(asked) if s.at_s < since.at_s), None)
        if unseen := not_asked_at(before, since, due_s):
            return unknown(e.kind, claim, *because, unseen)
        late = MISSED(late_s=answered_s(since) - due_s)
        return failed(e.kind, claim, *because, late, *late_recovery(e, history, span.start_s))
    watched = [s for s in asked if s.at_s >= since.at_s]
    if short := not_stable(watched, e.stable_s or 0.0, run.plan.sampling):
        return unknown(e.kind, claim, *because, short, *replaced_by_plan(e, history))
    because.append(stayed_healthy(watched))
    proof = by_write(e, history, span) if e.proved else by_load(e, history, span)
    if e.proved and proof.outcome is not Outcome.PASS:
        judged = failed if proof.outcome is Outcome.FAIL else unknown
        return judged(e.kind, claim, *because, *proof.because)
    shown = recovery_shown(e, history, span, run.plan.faults, proof.service)
    because += proof.because
    if shown.outcome is not Outcome.PASS:
        return unknown(e.kind, claim, *shown.because, *because)
    return passed(e.kind, claim, *because, *shown.because)


def _never_healthy(e: Recovers, claim: str, history: History, span: Span) -> Verdict:
    """The verdict for an app that never became healthy: FAIL if it was watched and asked up to the
    bound, else UNKNOWN.
    """
    due_s = span.start_s + (e.within_s or 0.0)
    last = next(reversed(after_heal(e, history, span)), None)
    why = not_healthy(span, last)
    until_s = min(watched_until_s(history, e.app, e.boot), span.end_s)
    if until_s - span.start_s < (e.within_s or 0.0):
        short = NOT_REACHED(until_s=until_s, bound_s=due_s)
        return unknown(e.kind, claim, why, short, *replaced_by_plan(e, history))
    if early := not_asked_until([last] if last else [], due_s):
        return unknown(e.kind, claim, why, early)
    return failed(e.kind, claim, why, *late_recovery(e, history, span.start_s))


def _looked_up(e: Recovers, history: History, span: Span) -> bool:
    """Whether an acknowledged write that the lab sent after the heal as proof was looked up in the
    database.
    """
    proofs = {
        w.op
        for w in history.of(Request)
        if (w.app, w.purpose, w.outcome) == (e.app, "proof", "ok") and w.at_s >= span.start_s
    }
    looks = (b for b in history.of(ReadBack) if b.app == e.app)
    return any(proofs & {*b.found, *b.missing} for b in looks)


def _recovered_s(e: Recovers, span: Span, history: History) -> float:
    """The time at which the app had recovered: health was healthy, or the required write was
    acknowledged. If the app did not recover, the time at which the lab stopped watching it.
    """
    until_s = watched_until_s(history, e.app, e.boot)
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    healthy_s = answered_s(since) if since else until_s
    if not e.proved or healthy_s > span.start_s + (e.within_s or 0.0):
        return healthy_s
    proofs = (w for w in history.of(Request) if (w.app, w.purpose) == (e.app, "proof"))
    mine = (w for w in proofs if w.outcome == "ok" and span.start_s <= w.at_s <= until_s)
    return min((w.at_s + w.took_s for w in mine), default=until_s)
