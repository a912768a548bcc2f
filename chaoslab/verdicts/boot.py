"""Start-up, judged from outside: complete in time, or failed fast and honestly. Pure."""

from __future__ import annotations

from chaoslab.evidence.timeline import (
    SERVING,
    answered_s,
    between_looks,
    exited,
    run_ended,
    samples,
    spawned,
    started_by,
    unheard,
    watched_until_s,
)
from chaoslab.history.events import (
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    Listening,
    Spawned,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.journal import History
from chaoslab.model.expect import FailsFast, Starts
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.verdicts.settling import came_s, may_settle, on_the_way, unasked, wanted
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown

LAST_WORDS = 5  # lines of the log in which the cause must be named: a banner names everything
_USUAL = Sampling()


def starts(
    e: Starts, contract: HealthContract, history: History, sampling: Sampling = _USUAL
) -> Verdict:
    """Start-up completes within its deadline, health serves, no phase is left behind.

    Where health said degraded first and healthy is asked for, the deadline holds for healthy.
    """
    mode = f" {e.mode}" if e.mode else ""
    claim = f"boot {e.boot} of {e.app} starts{mode} within {e.within_s} s"
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return unknown("boot", claim, "the app was never spawned")
    if begun.standing:
        claim = f"{e.app}, which stood already, is up{mode} when the lab comes"
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    ended = exited(history, e.app, e.boot)
    if complete is None and _had_time_left(e, history, begun, ended):
        why = "the run ended before the start-up's time was up"
        return unknown("boot", claim, why, *_how_it_ended(e, history, begun, ended))
    if complete is None and (early := _not_heard(e, history, begun, ended)):
        return unknown("boot", claim, early, *_how_it_ended(e, history, begun, ended))
    if complete is None or (ended and not ended.asked and ended.at_s < complete.at_s):
        return failed("boot", claim, *_how_it_ended(e, history, begun, ended))
    because = _seen_so_far(e, history, begun, complete)
    wrong = [*_wrong_mode(e, history), *_wrong_phases(e, contract, history)]
    if gone := _gone_at_once(e, begun, ended):
        wrong.append(gone)
    if not wrong and (early := _too_early(e, sampling, history, begun, complete)):
        return unknown("boot", claim, early, *because)
    late = _late(e, history, begun, complete)
    if late and not wrong and (unseen := _unseen(e, history, begun, complete)):
        return unknown("boot", claim, unseen, *because)
    wrong += late
    wrong += _other_state(e, history, begun, complete)
    if wrong:
        return failed("boot", claim, *because, *wrong, *_log(ended))
    if _may_yet_die(e, history, begun):
        return unknown("boot", claim, "the run was cut short", *because)
    return passed("boot", claim, *because)


def _seen_so_far(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[str]:
    """The first good answer, and what health answered after it."""
    since = "after the lab came" if begun.standing else "after the spawn"
    seen = "found complete" if begun.standing else "complete"
    took_s = complete.at_s - begun.at_s
    told = [f"start-up {seen} {took_s:.3f} s {since}, health {complete.state.value}"]
    turns = on_the_way(e, begun, complete, history)
    return [*told, turns] if turns else told


def _too_early(
    e: Starts, sampling: Sampling, history: History, begun: Spawned, complete: StartupComplete
) -> str:
    """Why nobody knows whether a start that is not yet as asked would have become so."""
    if came_s(e, complete, history) is not None or not may_settle(e, complete):
        return ""
    if _had_time_left(e, history, begun, exited(history, e.app, e.boot)):
        return "the run ended before the start-up's time was up"
    if pause := unasked(e, begun, complete, sampling, history):
        return f"nobody asked from {pause.start_s:.3f} to {pause.end_s:.3f} s"
    return unheard(samples(history, e.app, e.boot), begun.at_s + (e.within_s or 0.0))


def _not_heard(e: Starts, history: History, begun: Spawned, ended: Exited | None) -> str:
    """Why nobody knows whether a start-up that was not seen complete was complete in time: the app
    listened, and was not asked up to its bound.
    """
    if ended is not None and not ended.asked:
        return ""
    bound = history.first(Bound, lambda b: (b.app, b.boot) == (e.app, e.boot))
    asked = samples(history, e.app, e.boot)
    if not asked or (bound is None and not begun.standing):
        return ""
    return unheard(asked, begun.at_s + (e.within_s or 0.0))


def _gone_at_once(e: Starts, begun: Spawned, ended: Exited | None) -> str:
    """Complete, and dead by itself before the time for the start was up: that is no start."""
    if ended is None or ended.asked or ended.at_s > begun.at_s + (e.within_s or 0.0):
        return ""
    return f"{_exit(begun, ended)}, having called itself started"


def _may_yet_die(e: Starts, history: History, begun: Spawned) -> bool:
    """Whether the run was broken off while an end of the process would still have counted."""
    end = run_ended(history)
    if end is not None and end.settled:
        return False
    return watched_until_s(history, e.app, e.boot) < begun.at_s + (e.within_s or 0.0)


def _had_time_left(
    e: Starts | FailsFast, history: History, begun: Spawned, ended: Exited | None
) -> bool:
    """Whether the run, or the lab's own stop of the app, left the bound unreached."""
    if e.within_s is None or (ended and not ended.asked):
        return False
    return watched_until_s(history, e.app, e.boot) < begun.at_s + e.within_s


def _late(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> list[str]:
    """By how much the start missed its bound."""
    came = came_s(e, complete, history)
    took_s = (complete.at_s if came is None else came) - begun.at_s
    if e.within_s is None or took_s <= e.within_s:
        return []
    return [f"{took_s - e.within_s:.3f} s too late"]


def _unseen(e: Starts, history: History, begun: Spawned, complete: StartupComplete) -> str:
    """Why nobody knows whether a start that was seen late came in time: the bound passed between
    two questions.
    """
    came = came_s(e, complete, history)
    came = complete.at_s if came is None else came
    asked = [s for s in samples(history, e.app, e.boot) if answered_s(s) <= came]
    if not asked:
        return ""
    before = asked[-2] if len(asked) > 1 else None
    return between_looks(before, asked[-1], begun.at_s + (e.within_s or 0.0))


def _wrong_mode(e: Starts, history: History) -> list[str]:
    """Another start-up mode than the one that was asked for."""
    snapshot = _published(e, history)
    if e.startup_mode is None or (snapshot is not None and snapshot.mode == e.startup_mode):
        return []
    got = snapshot.mode if snapshot else "nothing published"
    return [f"expected startup_mode {e.startup_mode}, got {got}"]


def _other_state(
    e: Starts, history: History, begun: Spawned, complete: StartupComplete
) -> list[str]:
    """Another state in all its time than the one that was asked for, and what health said last."""
    came = came_s(e, complete, history)
    in_time = came is not None and came <= begun.at_s + (e.within_s or 0.0)
    if in_time or complete.state in wanted(e):
        return []
    names = " or ".join(sorted((state.value for state in wanted(e)), reverse=True))
    return [f"expected health {names}, got {complete.state.value}", *_told(e, history)]


def _wrong_phases(e: Starts, contract: HealthContract, history: History) -> list[str]:
    """Phases that failed, that were timed and left behind, or that the contract asks for in vain.

    An app that drops a phase does not mention it any more: only the contract can tell.
    """
    snapshot, wrong = _published(e, history), []
    if snapshot is None:
        return ["no phases published"] if contract.phases else []
    if snapshot.failed or snapshot.failed_phases:
        wrong.append("phases booked as failed: " + (", ".join(snapshot.failed_phases) or "?"))
    done = {*snapshot.completed_phases, *snapshot.degraded_phases}
    asked_for = dict.fromkeys((*contract.phases, *snapshot.phase_timings_s))
    if missing := [phase for phase in asked_for if phase not in done]:
        wrong.append("phases neither completed nor degraded: " + ", ".join(missing))
    return wrong


def _published(e: Starts, history: History) -> StartupSnapshot | None:
    return history.last(StartupSnapshot, lambda s: (s.app, s.boot) == (e.app, e.boot))


def _told(e: Starts, history: History) -> list[str]:
    """What the last answer of health was, where it was no good one."""
    answers = [s for s in samples(history, e.app, e.boot) if s.status_code]
    bad = answers and answers[-1].state not in SERVING
    return [_answer(answers[-1])] if bad else []


def _answer(sample: HealthSample) -> str:
    return sample.error or f"health answered {sample.status_code} {sample.word or ''}".rstrip()


def _how_it_ended(
    e: Starts, history: History, begun: Spawned, ended: Exited | None
) -> tuple[str, ...]:
    """What was seen from outside, how far it says that it came, and the last lines of the log."""
    gone = ended if ended is not None and not ended.asked else None
    seen = _died(e, history, begun, gone) if gone else _lived(e, history, begun)
    restarts = sum(spawn.restart and spawn.app == e.app for spawn in history.of(Spawned))
    again = [f"started anew {restarts} times by its supervisor"] if restarts else []
    return (*seen, *_published_so_far(e, history), *_told(e, history), *again, *_log(ended))


def _exit(begun: Spawned, ended: Exited) -> str:
    return f"exited with {ended.exit_code} after {ended.at_s - begun.at_s:.3f} s"


def _log(ended: Exited | None) -> list[str]:
    return [f"log: {line}" for line in ended.log_tail[-LAST_WORDS:]] if ended else []


def _died(e: Starts, history: History, begun: Spawned, ended: Exited) -> list[str]:
    """Without ever listening, with its port open and mute, and after answering are three deaths."""
    who = (e.app, e.boot)
    bound = history.first(Bound, lambda b: (b.app, b.boot) == who)
    answer = history.first(FirstAnswer, lambda a: (a.app, a.boot) == who)
    if bound is None:
        elsewhere = _elsewhere(e, history, begun)
        return [_exit(begun, ended), *([elsewhere] if elsewhere else [])]
    listened = f"listened on {begun.port} after {bound.at_s - begun.at_s:.3f} s"
    first = f"answered {answer.status_code} first" if answer else "never answered"
    return [f"{listened}, {first}, {_exit(begun, ended)}"]


def _lived(e: Starts, history: History, begun: Spawned) -> list[str]:
    """Mute on its port, on another port, listening but mute, and answering without end differ."""
    who = (e.app, e.boot)
    bound = history.first(Bound, lambda b: (b.app, b.boot) == who)
    answer = history.first(FirstAnswer, lambda a: (a.app, a.boot) == who)
    if begun.standing and answer is None:
        return [f"it never answered health, asked at port {begun.port}"]
    if bound is None and not begun.standing:
        never = f"alive, but never listened on port {begun.port}"
        return [_elsewhere(e, history, begun) or never]
    if bound is not None and answer is None:
        return [f"listening after {bound.at_s - begun.at_s:.3f} s, but never answered health"]
    first = answer.status_code if answer else "?"
    return [f"listening and answering ({first} first), never complete"]


def _elsewhere(e: Starts, history: History, begun: Spawned) -> str:
    """Which other ports it was seen listening on; empty where on none."""
    looks = (x for x in history.of(Listening) if (x.app, x.boot) == (e.app, e.boot))
    ports = sorted({port for look in looks for port in look.ports} - {begun.port})
    if not ports:
        return ""
    shown = ", ".join(map(str, ports))
    return f"listens on {shown}, never on {begun.port}, the port that is routed to it"


def _published_so_far(e: Starts, history: History) -> list[str]:
    snapshot = _published(e, history)
    if snapshot is None:
        return []
    told = [f"phases done: {', '.join(snapshot.completed_phases) or 'none'}"]
    if snapshot.failed or snapshot.failed_phases:
        told.append("phases booked as failed: " + (", ".join(snapshot.failed_phases) or "?"))
    return told


def fails_fast(e: FailsFast, history: History) -> Verdict:
    """Without a bypass: the process ends in time, with the exit code, naming the cause."""
    claim = f"boot {e.boot} of {e.app} exits with {e.exit_code} within {e.within_s} s"
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None:
        return unknown("fails fast", claim, "the app was never spawned")
    served_s = started_by(history, e.app, e.boot)
    if served_s is not None:
        at = f"health called it up {served_s - begun.at_s:.3f} s after the spawn"
        return failed("fails fast", claim, at)
    if ended is None or ended.asked:
        if _had_time_left(e, history, begun, ended):
            return unknown("fails fast", claim, "the run ended before the bound had passed")
        return failed("fails fast", claim, "the process went on living")
    took_s = ended.at_s - begun.at_s
    wrong = []
    if e.within_s is not None and took_s > e.within_s:
        wrong.append(f"{took_s - e.within_s:.3f} s too late")
    if ended.exit_code != e.exit_code:
        wrong.append(f"expected exit code {e.exit_code}, got {ended.exit_code}")
    wrong += _unsaid(e, "\n".join(ended.log_tail[-LAST_WORDS:]).lower())
    last = ended.log_tail[-1] if ended.log_tail else "(no output)"
    because = (f"exited with {ended.exit_code} after {took_s:.3f} s", f"log: {last}")
    if wrong:
        return failed("fails fast", claim, *because, *wrong)
    return passed("fails fast", claim, *because)


def _unsaid(e: FailsFast, words: str) -> list[str]:
    """What the last words should have named, and do not: the dependency, and what it met."""
    wrong = [f"its last words do not name {name}" for name in e.naming if name.lower() not in words]
    if e.cause and not any(cause.lower() in words for cause in e.cause):
        expected = ", ".join(f"'{cause}'" for cause in e.cause)
        wrong.append(f"its last words do not name the cause, expected one of: {expected}")
    return wrong
