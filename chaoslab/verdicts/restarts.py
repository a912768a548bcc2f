"""A supervisor's view: how often an app that ended by itself had to be started anew. Pure."""

from __future__ import annotations

from chaoslab.evidence.timeline import run_ended
from chaoslab.history.events import Exited, Spawned, StartupComplete
from chaoslab.history.journal import History
from chaoslab.model.expect import NoRestarts
from chaoslab.model.plan import Plan
from chaoslab.verdicts.verdict import Verdict, failed, passed, unknown

GRACE_S = 0.1  # after a bound has passed, so that the event that shows it is in the history


def no_restarts(e: NoRestarts, history: History) -> Verdict:
    """The app ends by itself at most `at_most` times, up to the run's settled end."""
    claim = f"{e.app} ends by itself at most {e.at_most} times, for its supervisor to start it anew"
    boots = {s.boot: s for s in history.of(Spawned) if s.app == e.app}
    if not boots:
        return unknown("restarts", claim, "the app was never spawned")
    ends = [x for x in history.of(Exited) if x.app == e.app and not x.asked]
    told = _told(ends, boots)
    if len(ends) > e.at_most:
        return failed("restarts", claim, told, f"log: {_last_words(ends[-1])}")
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown("restarts", claim, "the run was cut short", told)
    return passed("restarts", claim, told)


def _told(ends: list[Exited], boots: dict[int, Spawned]) -> str:
    """How often, with which codes, how long after each spawn, and what the supervisor did."""
    if not ends:
        return "it never ended by itself"
    codes = list(dict.fromkeys(str(x.exit_code) for x in ends))
    after = [f"{x.at_s - boots[x.boot].at_s:.1f}" for x in ends if x.boot in boots]
    anew = sum(spawn.restart for spawn in boots.values())
    each = "restarted each time" if anew >= len(ends) else f"restarted {anew} times"
    times = "once" if len(ends) == 1 else f"{len(ends)} times"
    how_often = f"exited {times} with {_listed(codes)}"
    return f"{how_often}, {_listed(after)} s after each spawn; {each}"


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _last_words(end: Exited) -> str:
    return end.log_tail[-1] if end.log_tail else "(no output)"


def restarts_under_way(
    e: NoRestarts, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait until the restarts are used up, or the newest boot is up or has had its time."""
    newest = history.last(Spawned, lambda s: s.app == e.app)
    if newest is None:
        return f"boot 1 of {e.app}"
    ends = [x for x in history.of(Exited) if x.app == e.app and not x.asked]
    allowed = max((boot.restarts for boot in plan.boots if boot.app == e.app), default=0)
    if len(ends) > allowed:
        return None
    if any(x.boot == newest.boot for x in ends):
        return f"{e.app} to be started anew"
    who = (newest.app, newest.boot)
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == who)
    if complete is not None or now_s > newest.at_s + startup_s + GRACE_S:
        return None
    return f"the start-up of boot {newest.boot} of {e.app}"
