"""What a run still waits for of a recovery. Pure."""

from __future__ import annotations

from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    healthy_since,
    recovery_span,
    samples,
    still_asked,
    unheard,
)
from chaoslab.evidence.waits import waited_s
from chaoslab.history.events import FaultHealed, FaultMissed, ReadBack, Write
from chaoslab.history.journal import History
from chaoslab.model.expect import Recovers
from chaoslab.model.plan import Plan
from chaoslab.verdicts.recovery import too_short

LATE_S = 0.5  # past the bound, for the figures of a recovery that comes a little too late


def recovery_under_way(e: Recovers, plan: Plan, history: History, now_s: float) -> str | None:
    """Wait for health in time, then for as long as it is to be stable, and for the proof."""
    if exited(history, e.app, e.boot) is not None:
        return None  # by itself, which is a failure; or the plan has replaced it
    if (span := recovery_span(history, e.app, e.boot)) is None:
        over = {h.fault for h in history.of(FaultHealed)}
        over |= {m.fault for m in history.of(FaultMissed)}
        return None if {f.label for f in plan.faults} <= over else "a heal to recover from"
    due_s, stable_s = span.start_s + (e.within_s or 0.0), e.stable_s or 0.0
    # its waits for a core apart, at most as long again: late is then told from never
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
    stable = bool(seen) and not too_short(e, seen)  # as the verdict counts
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
