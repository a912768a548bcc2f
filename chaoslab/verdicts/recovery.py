"""Recovery: healthy in time, stable, in the same process, and proved in the database. Pure."""

from __future__ import annotations

from chaoslab.history.events import FaultHealed, FaultMissed, HealthSample, ReadBack, Write
from chaoslab.history.journal import History
from chaoslab.spec.expect import FirstRequestServed, KeepsAcknowledged, Recovers
from chaoslab.verdicts.timeline import exited, healthy_since, last_healed_s, spawned
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown


def recovers(e: Recovers, history: History) -> Verdict:
    """Healthy within the bound of the last heal, for a while, with the same process id."""
    claim = f"{e.app} is healthy within {e.within_s} s of the heal, for {e.stable_s} s, by itself"
    healed_s, begun = last_healed_s(history), spawned(history, e.app, e.boot)
    if healed_s is None or begun is None:
        return unknown("recovery", claim, "no fault was healed while the app ran")
    if missed := history.first(FaultMissed):
        return unknown("recovery", claim, f"{missed.fault}: {missed.why}")
    ended = exited(history, e.app, e.boot)
    if ended and not ended.asked:
        code = f"process {begun.pid} exited with {ended.exit_code} at {ended.at_s:.3f} s"
        return failed("recovery", claim, code)
    since_s = healthy_since(history, e.app, e.boot, healed_s)
    newest = history.last(HealthSample, lambda s: (s.app, s.boot) == (e.app, e.boot))
    if since_s is None or newest is None:
        said = f"the last answer was {newest.state.value}" if newest else "no answer"
        return failed("recovery", claim, f"not healthy after the heal at {healed_s:.3f} s; {said}")
    took_s = since_s - healed_s
    because = [f"healthy {took_s:.3f} s after the heal at {healed_s:.3f} s, process {begun.pid}"]
    if e.within_s is not None and took_s > e.within_s:
        return failed("recovery", claim, *because, f"{took_s - e.within_s:.3f} s too late")
    if newest.at_s < since_s + e.stable_s:
        short = f"watched healthy for only {newest.at_s - since_s:.3f} s"
        return unknown("recovery", claim, *because, short)
    if not e.proved:
        because.append("by its health alone: the app declares no writes to prove it by")
        return passed("recovery", claim, *because)
    return _proved(claim, because, history, healed_s)


def _proved(claim: str, because: list[str], history: History, healed_s: float) -> Verdict:
    proof = history.first(
        Write, lambda w: w.purpose == "proof" and w.outcome == "ok" and w.at_s >= healed_s
    )
    if proof is None:
        tried = history.last(Write, lambda w: w.purpose == "proof")
        got = f"{tried.status_code or tried.error}" if tried else "none was tried"
        return failed("recovery", claim, *because, f"no write was acknowledged ({got})")
    looked = [back for back in history.of(ReadBack) if proof.op in (*back.found, *back.missing)]
    if not looked:
        return unknown("recovery", claim, *because, f"write {proof.op} was never looked up")
    if any(proof.op in back.missing for back in looked):
        lost = f"write {proof.op} was acknowledged and is not in the database"
        return failed("recovery", claim, *because, lost)
    found = f"write {proof.op} acknowledged and found in {looked[0].service} itself"
    return passed("recovery", claim, *because, found)


def keeps_acknowledged(e: KeepsAcknowledged, history: History) -> Verdict:
    """Every acknowledged write is in the database; a 503 comes with Retry-After."""
    claim = f"every write that {e.app} acknowledged is kept (at least {e.at_least})"
    writes = [w for w in history.of(Write) if w.app == e.app and w.purpose == "load"]
    ok = [w.op for w in writes if w.outcome == "ok"]
    counts = {o: sum(w.outcome == o for w in writes) for o in ("ok", "failed", "indeterminate")}
    because = "writes: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
    if rude := next((w for w in writes if w.status_code == 503 and not w.retry_after), None):
        return failed("kept", claim, because, f"503 without Retry-After at {rude.at_s:.3f} s")
    backs = list(history.of(ReadBack))
    found = {op for back in backs for op in back.found}
    missing = {op for back in backs[-1:] for op in back.missing}
    if lost := [op for op in ok if op in missing]:
        return failed("kept", claim, because, f"acknowledged and lost: {', '.join(lost[:5])}")
    if unseen := [op for op in ok if op not in found]:
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
    between = [s for s in history.of(HealthSample) if healed.at_s <= s.at_s < first.at_s]
    if between:
        return unknown("first request", claim, "health traffic came before the request")
    got = first.error or f"{first.status_code}"
    because = f"{first.at_s - healed.at_s:.3f} s after the heal: {got} in {first.took_s:.3f} s"
    if first.outcome != "ok" or first.took_s > e.within_s:
        return failed("first request", claim, because)
    return passed("first request", claim, because)
