"""Recovery: healthy in time, stable, in the same process, and proved in the database. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    asking,
    between_looks,
    exited,
    faults_begun_s,
    gap,
    healthy_since,
    recovery_span,
    replaced,
    samples,
    silence_s,
    spawned,
    unheard,
    watched_until_s,
)
from chaoslab.evidence.traffic import got, over_s
from chaoslab.history.events import (
    FaultHealed,
    FaultMissed,
    HealthSample,
    ProberSample,
    Ready,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expect import FirstRequestServed, Recovers
from chaoslab.model.faults import Declared
from chaoslab.model.load import Sampling
from chaoslab.verdicts.proof import by_load, by_write, way_shown
from chaoslab.verdicts.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.verdicts.way_back import way_back

MIN_SAMPLES = 3  # fewer healthy answers than this do not show that it stays so


def recovers(
    e: Recovers, sampling: Sampling, history: History, faults: Sequence[Declared] = ()
) -> Verdict:
    """Healthy and serving within the bound of the last heal, for a while, in the same process.

    `faults` are those of the plan: by their kinds it is known how health tells of them.
    """
    begun, span = spawned(history, e.app, e.boot), recovery_span(history, e.app, e.boot)
    seen = begun is None or not begun.standing
    how = "by itself" if seen else "be it by a restart, which is not seen from here"
    serves = " and acknowledges a write" if e.proved else ""
    bound = f"within {e.within_s} s of the heal"
    claim = f"{e.app} is healthy{serves} {bound}, and healthy for {e.stable_s} s, {how}"
    if begun is None or span is None:
        why = "no fault was healed while the app ran"
        return unknown("recovery", claim, why, *_replaced(e, history))
    if missed := history.first(FaultMissed):
        return unknown("recovery", claim, f"{missed.fault}: {missed.why}")
    ended = exited(history, e.app, e.boot)
    if ended and not ended.asked and ended.at_s <= span.end_s:
        code = f"process {begun.pid} exited with {ended.exit_code} at {ended.at_s:.3f} s"
        after = f"{ended.at_s - span.start_s:.3f} s after the heal"
        told = [after] if ended.at_s >= span.start_s else []
        return failed("recovery", claim, code, *told)
    if held := _held_on(history, span):
        return unknown("recovery", claim, f"{held} was still in force", *_replaced(e, history))
    since = healthy_since(history, e.app, e.boot, span.start_s, span.end_s)
    if since is None:
        return _never_healthy(e, claim, history, span)
    return _once_healthy(e, claim, sampling, history, span=span, since=since, faults=faults)


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
    took_s, pid = answered_s(since) - span.start_s, _pid(e, history)
    because = [f"healthy {took_s:.3f} s after the heal at {span.start_s:.3f} s{pid}"]
    asked = _asked(e, history, span)
    if e.within_s is not None and took_s > e.within_s:
        before = next((s for s in reversed(asked) if s.at_s < since.at_s), None)
        if unseen := between_looks(before, since, span.start_s + e.within_s):
            return unknown("recovery", claim, *because, unseen)
        late = f"{took_s - e.within_s:.3f} s too late"
        return failed("recovery", claim, *because, late, *way_back(e, history, span.start_s))
    watched = [s for s in asked if s.at_s >= since.at_s]
    if short := _not_stable(e, sampling, watched):
        return unknown("recovery", claim, *because, short, *_replaced(e, history))
    long_s = watched[-1].at_s - watched[0].at_s
    because.append(f"watched for {long_s:.3f} s from then on: {len(watched)} answers, all healthy")
    proof = by_write(e, history, span) if e.proved else by_load(e, history, span)
    if e.proved and proof.outcome is not Outcome.PASS:
        judged = failed if proof.outcome is Outcome.FAIL else unknown
        return judged("recovery", claim, *because, *proof.because)
    shown = way_shown(e, history, span, faults, proof.service)
    because += proof.because
    if shown.outcome is not Outcome.PASS:
        return unknown("recovery", claim, *shown.because, *because)
    return passed("recovery", claim, *because, *shown.because)


def _pid(e: Recovers, history: History) -> str:
    begun = spawned(history, e.app, e.boot)
    return f", process {begun.pid}" if begun and not begun.standing else ""


def _asked(e: Recovers, history: History, span: Span) -> list[HealthSample]:
    """What health was asked after the heal, and answered before the next fault."""
    asked = samples(history, e.app, e.boot)
    return [s for s in asked if s.at_s >= span.start_s and answered_s(s) <= span.end_s]


def _held_on(history: History, span: Span) -> str:
    """A fault that had begun before this heal and was not healed by then; empty where none."""
    healed = {h.fault for h in history.of(FaultHealed) if h.at_s <= span.start_s}
    begun = faults_begun_s(history).items()
    return next((f for f, at_s in begun if at_s <= span.start_s and f not in healed), "")


def _replaced(e: Recovers, history: History) -> list[str]:
    ended = replaced(history, e.app, e.boot)
    return [f"the plan replaced boot {e.boot} at {ended.at_s:.3f} s"] if ended else []


def too_short(e: Recovers, asked: list[HealthSample]) -> str:
    """How short these healthy answers fall of a while; empty where they do not. The run waits for
    as much.
    """
    watched_s = asked[-1].at_s - asked[0].at_s
    if watched_s >= (e.stable_s or 0.0) and len(asked) >= MIN_SAMPLES:
        return ""
    return f"watched healthy for only {watched_s:.3f} s, {len(asked)} answers"


def _not_stable(e: Recovers, sampling: Sampling, asked: list[HealthSample]) -> str:
    """Why these healthy answers are not a while; empty where they are."""
    if short := too_short(e, asked):
        return short
    stable_s = asked[0].at_s + (e.stable_s or 0.0)
    pause = gap(map(asking, asked), silence_s(sampling))
    return _nobody_asked(pause) if pause and pause.start_s < stable_s else ""


def _nobody_asked(pause: Span) -> str:
    return f"nobody asked from {pause.start_s:.3f} to {pause.end_s:.3f} s"


def _never_healthy(e: Recovers, claim: str, history: History, span: Span) -> Verdict:
    """A failure only where somebody asked, up to the bound."""
    healed_s, due_s = span.start_s, span.start_s + (e.within_s or 0.0)
    last = next(reversed(_asked(e, history, span)), None)
    said = f"the last answer was {last.state.value}" if last else "health was not asked"
    why = f"not healthy after the heal at {healed_s:.3f} s; {said}"
    watched_s = min(watched_until_s(history, e.app, e.boot), span.end_s) - healed_s
    if watched_s < (e.within_s or 0.0):
        short = f"{why}, and watched for only {max(0.0, watched_s):.3f} s"
        return unknown("recovery", claim, short, *_replaced(e, history))
    if early := unheard([last] if last else [], due_s):
        return unknown("recovery", claim, why, early)
    return failed("recovery", claim, why, *way_back(e, history, healed_s))


def first_request_served(e: FirstRequestServed, history: History) -> Verdict:
    """The first traffic after the heal is a user's, and it is served."""
    claim = f"the first request after the heal of {e.fault} is served within {e.within_s} s"
    healed = history.first(FaultHealed, lambda h: h.fault == e.fault)
    if healed is None:
        return unknown("first request", claim, f"{e.fault} was not healed")
    first = min(
        (w for w in history.of(Write) if w.app == e.app and w.at_s >= healed.at_s),
        key=lambda w: w.at_s,
        default=None,
    )
    if first is None:
        return unknown("first request", claim, "no request was sent after the heal")
    late_s = first.at_s - healed.at_s
    because = f"{late_s:.3f} s after the heal: {first.took_s:.3f} s for {got(first)}"
    if first.outcome != "ok" or first.took_s > e.within_s:
        return failed("first request", claim, because)
    if other := _lab_traffic(e, history, healed.at_s, first.at_s):
        return unknown("first request", claim, f"{other} before the request", because)
    return passed("first request", claim, because)


def _lab_traffic(e: FirstRequestServed, history: History, healed_s: float, until_s: float) -> str:
    """What the lab itself asked the app between the heal and the first request; empty if nothing.

    A sample or a write sent before the heal and over after it may have woken a pool as well.
    """
    for sample in history.of(HealthSample):
        if sample.app == e.app and sample.at_s < until_s and answered_s(sample) >= healed_s:
            return f"health was asked at {sample.at_s:.3f} s,"
    for asked in history.of(ProberSample):
        if asked.app == e.app and asked.at_s < until_s and asked.at_s + asked.took_s >= healed_s:
            return f"{asked.path} was asked at {asked.at_s:.3f} s,"
    for w in history.of(Write):
        if w.app == e.app and w.at_s < healed_s <= over_s(w):
            return f"a write sent at {w.at_s:.3f} s was under way at the heal,"
    ready = history.last(Ready, lambda r: r.app == e.app)
    if ready is None or ready.at_s >= healed_s:
        return "the lab was still asking for readiness"
    return ""
