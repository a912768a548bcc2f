"""Recovery: healthy in time, stable, in the same process, and proved in the database. Pure."""

from __future__ import annotations

from chaoslab.history.events import (
    FaultHealed,
    FaultMissed,
    HealthSample,
    ProberSample,
    Ready,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.spec.expect import FirstRequestServed, Recovers
from chaoslab.spec.load import Sampling
from chaoslab.verdicts.kept import looked_up
from chaoslab.verdicts.timeline import (
    Span,
    answered_s,
    asking,
    between_looks,
    exited,
    gap,
    healthy_since,
    last_healed_s,
    life,
    samples,
    silence_s,
    spawned,
    watched_until_s,
)
from chaoslab.verdicts.traffic import got, over_s
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown
from chaoslab.verdicts.way_back import way_back

MIN_SAMPLES = 3  # fewer healthy answers than this do not show that it stays so


def recovers(e: Recovers, sampling: Sampling, history: History) -> Verdict:
    """Healthy within the bound of the last heal, for a while, with the same process id."""
    healed_s, begun = last_healed_s(history), spawned(history, e.app, e.boot)
    seen = begun is None or not begun.standing
    how = "by itself" if seen else "be it by a restart, which is not seen from here"
    claim = f"{e.app} is healthy within {e.within_s} s of the heal, for {e.stable_s} s, {how}"
    if healed_s is None or begun is None or begun.at_s > healed_s:
        return unknown("recovery", claim, "no fault was healed while the app ran")
    if missed := history.first(FaultMissed):
        return unknown("recovery", claim, f"{missed.fault}: {missed.why}")
    ended = exited(history, e.app, e.boot)
    if ended and not ended.asked:
        code = f"process {begun.pid} exited with {ended.exit_code} at {ended.at_s:.3f} s"
        return failed("recovery", claim, code)
    since = healthy_since(history, e.app, e.boot, healed_s)
    if since is None:
        return _never_healthy(e, claim, sampling, history, healed_s)
    took_s = answered_s(since) - healed_s
    process = f", process {begun.pid}" if seen else ""
    because = [f"healthy {took_s:.3f} s after the heal at {healed_s:.3f} s{process}"]
    asked = [s for s in samples(history, e.app, e.boot) if s.at_s >= healed_s]
    if e.within_s is not None and took_s > e.within_s:
        before = next((s for s in reversed(asked) if s.at_s < since.at_s), None)
        if unseen := between_looks(before, since, healed_s + e.within_s):
            return unknown("recovery", claim, *because, unseen)
        late = f"{took_s - e.within_s:.3f} s too late"
        return failed("recovery", claim, *because, late, *way_back(e, history, healed_s))
    if short := _not_stable(e, sampling, [s for s in asked if s.at_s >= since.at_s]):
        return unknown("recovery", claim, *because, short)
    if not e.proved:
        because.append("by its health alone: the app declares no writes to prove it by")
        return passed("recovery", claim, *because)
    return _proved(e, claim, because, history, healed_s)


def _not_stable(e: Recovers, sampling: Sampling, asked: list[HealthSample]) -> str:
    """Why these healthy answers are not a while; empty where they are."""
    stable_s = asked[0].at_s + e.stable_s
    if asked[-1].at_s < stable_s or len(asked) < MIN_SAMPLES:
        watched_s = asked[-1].at_s - asked[0].at_s
        return f"watched healthy for only {watched_s:.3f} s, {len(asked)} answers"
    pause = gap(map(asking, asked), silence_s(sampling))
    return _nobody_asked(pause) if pause and pause.start_s < stable_s else ""


def _nobody_asked(pause: Span) -> str:
    return f"nobody asked from {pause.start_s:.3f} to {pause.end_s:.3f} s"


def _never_healthy(
    e: Recovers, claim: str, sampling: Sampling, history: History, healed_s: float
) -> Verdict:
    """A failure only where somebody asked, up to the bound."""
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= healed_s]
    said = f"the last answer was {seen[-1].state.value}" if seen else "health was not asked"
    why = f"not healthy after the heal at {healed_s:.3f} s; {said}"
    watched_s = watched_until_s(history, e.app, e.boot) - healed_s
    if watched_s < (e.within_s or 0.0):
        watched = f"watched for only {max(0.0, watched_s):.3f} s"
        return unknown("recovery", claim, f"{why}, and {watched}")
    if not seen or answered_s(seen[-1]) + silence_s(sampling) < healed_s + (e.within_s or 0.0):
        since_s = answered_s(seen[-1]) if seen else healed_s
        return unknown("recovery", claim, f"{why}, and nobody asked from {since_s:.3f} s on")
    return failed("recovery", claim, why, *way_back(e, history, healed_s))


def _proved(
    e: Recovers, claim: str, because: list[str], history: History, healed_s: float
) -> Verdict:
    """A write that this very process acknowledged after the heal, looked up after that."""
    lived = life(history, e.app, e.boot)
    tries = [w for w in history.of(Write) if w.purpose == "proof" and w.app == e.app]
    proof = next(
        (
            w
            for w in tries
            if w.outcome == "ok" and w.at_s >= healed_s and lived and lived.holds(over_s(w))
        ),
        None,
    )
    if proof is None:
        last = got(tries[-1]) if tries else "none was tried"
        return failed("recovery", claim, *because, f"no write was acknowledged ({last})")
    looked = looked_up(proof, history)
    if looked is None:
        return unknown("recovery", claim, *because, f"write {proof.op} was never looked up")
    if proof.op in looked.missing:
        lost = f"write {proof.op} was acknowledged and is not in the database"
        return failed("recovery", claim, *because, lost)
    found = f"write {proof.op} acknowledged and found in {looked.service} itself"
    return passed("recovery", claim, *because, found)


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
