"""Recovery: healthy in time, stable, in the same process, and proved in the database. Pure."""

from __future__ import annotations

from chaoslab.history.events import (
    FaultHealed,
    FaultMissed,
    HealthSample,
    ReadBack,
    Ready,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.spec.expect import FirstRequestServed, KeepsAcknowledged, Recovers
from chaoslab.verdicts.timeline import (
    answered_s,
    exited,
    healthy_since,
    last_healed_s,
    life,
    samples,
    spawned,
    watched_until_s,
)
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown

MIN_SAMPLES = 3  # fewer healthy answers than this do not show that it stays so


def recovers(e: Recovers, history: History) -> Verdict:
    """Healthy within the bound of the last heal, for a while, with the same process id."""
    claim = f"{e.app} is healthy within {e.within_s} s of the heal, for {e.stable_s} s, by itself"
    healed_s, begun = last_healed_s(history), spawned(history, e.app, e.boot)
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
        return _never_healthy(e, claim, history, healed_s)
    took_s = answered_s(since) - healed_s
    because = [f"healthy {took_s:.3f} s after the heal at {healed_s:.3f} s, process {begun.pid}"]
    if e.within_s is not None and took_s > e.within_s:
        return failed("recovery", claim, *because, f"{took_s - e.within_s:.3f} s too late")
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= since.at_s]
    if seen[-1].at_s < since.at_s + e.stable_s or len(seen) < MIN_SAMPLES:
        short = f"watched healthy for only {seen[-1].at_s - since.at_s:.3f} s, {len(seen)} answers"
        return unknown("recovery", claim, *because, short)
    if not e.proved:
        because.append("by its health alone: the app declares no writes to prove it by")
        return passed("recovery", claim, *because)
    return _proved(e, claim, because, history, healed_s)


def _never_healthy(e: Recovers, claim: str, history: History, healed_s: float) -> Verdict:
    seen = samples(history, e.app, e.boot)
    said = f"the last answer was {seen[-1].state.value}" if seen else "no answer"
    why = f"not healthy after the heal at {healed_s:.3f} s; {said}"
    watched_s = watched_until_s(history, e.app, e.boot) - healed_s
    if watched_s < (e.within_s or 0.0):
        return unknown("recovery", claim, f"{why}, and watched for only {watched_s:.3f} s")
    return failed("recovery", claim, why)


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
            if w.outcome == "ok" and w.at_s >= healed_s and lived and lived.holds(_acked_s(w))
        ),
        None,
    )
    if proof is None:
        got = f"{tries[-1].status_code or tries[-1].error}" if tries else "none was tried"
        return failed("recovery", claim, *because, f"no write was acknowledged ({got})")
    looked = _looked_up(proof, history)
    if looked is None:
        return unknown("recovery", claim, *because, f"write {proof.op} was never looked up")
    if proof.op in looked.missing:
        lost = f"write {proof.op} was acknowledged and is not in the database"
        return failed("recovery", claim, *because, lost)
    found = f"write {proof.op} acknowledged and found in {looked.service} itself"
    return passed("recovery", claim, *because, found)


def _acked_s(write: Write) -> float:
    return write.at_s + write.took_s


def _looked_up(write: Write, history: History) -> ReadBack | None:
    """The last look for its app's writes after it was acknowledged; an earlier one says nothing."""
    return history.last(
        ReadBack,
        lambda b: (
            b.app == write.app and b.at_s >= _acked_s(write) and write.op in (*b.found, *b.missing)
        ),
    )


def keeps_acknowledged(e: KeepsAcknowledged, history: History) -> Verdict:
    """Every acknowledged write is in the database; a 503 comes with Retry-After."""
    claim = f"every write that {e.app} acknowledged is kept (at least {e.at_least})"
    writes = [w for w in history.of(Write) if w.app == e.app and w.purpose == "load"]
    ok = [w for w in writes if w.outcome == "ok"]
    counts = {o: sum(w.outcome == o for w in writes) for o in ("ok", "failed", "indeterminate")}
    because = "writes: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    if rude := next((w for w in writes if w.status_code == 503 and not w.retry_after), None):
        return failed("kept", claim, because, f"503 without Retry-After at {rude.at_s:.3f} s")
    looked = {w.op: _looked_up(w, history) for w in ok}
    if lost := [op for op, back in looked.items() if back and op in back.missing]:
        return failed("kept", claim, because, f"acknowledged and lost: {', '.join(lost[:5])}")
    if unseen := [op for op, back in looked.items() if back is None]:
        return unknown("kept", claim, because, f"{len(unseen)} were never looked up")
    if len(ok) < e.at_least:
        return unknown("kept", claim, because, f"fewer than {e.at_least} acknowledged")
    return passed("kept", claim, because, "all found in the database itself")


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
    got = first.error or f"{first.status_code}"
    because = f"{first.at_s - healed.at_s:.3f} s after the heal: {got} in {first.took_s:.3f} s"
    if first.outcome != "ok" or first.took_s > e.within_s:
        return failed("first request", claim, because)
    if other := _lab_traffic(e, history, healed.at_s, first.at_s):
        return unknown("first request", claim, f"{other} before the request", because)
    return passed("first request", claim, because)


def _lab_traffic(e: FirstRequestServed, history: History, healed_s: float, until_s: float) -> str:
    """What the lab itself asked the app between the heal and the first request; empty if nothing.

    A sample sent before the heal and answered after it may have woken a pool as well.
    """
    for sample in history.of(HealthSample):
        if sample.app == e.app and sample.at_s < until_s and answered_s(sample) >= healed_s:
            return f"health was asked at {sample.at_s:.3f} s,"
    ready = history.last(Ready, lambda r: r.app == e.app)
    if ready is None or ready.at_s >= healed_s:
        return "the lab was still asking for readiness"
    return ""
