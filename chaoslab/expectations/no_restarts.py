"""A supervisor's view: how often an app that ended by itself had to be started anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.given import start_of
from chaoslab.evidence.reasons import CUT_SHORT, NEVER_SPAWNED, last_log_line
from chaoslab.evidence.starvation import lacked, too_much
from chaoslab.evidence.timeline import run_ended, started_by
from chaoslab.evidence.waits import losses_of
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    Exited,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason


def _exits(data: Mapping[str, Any]) -> str:
    """How often, with which codes, how long after each spawn, and what the supervisor did."""
    count, restarts = data["count"], data["restarts"]
    times = "once" if count == 1 else f"{count} times"
    codes = _listed([str(code) for code in data["exit_codes"]])
    after = _listed([f"{after_s:.1f}" for after_s in data["after_s"]])
    each = "restarted each time" if restarts >= count else f"restarted {restarts} times"
    return f"exited {times} with {codes}, {after} s after each spawn; {each}"


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


EXITS = Code(
    "app.exits",
    _exits,
    "How often the process ended by itself, its exit codes, and how often it was restarted.",
    data=("count", "exit_codes", "after_s", "restarts"),
)
NO_EXIT = Code(
    "app.no_exit",
    "it never ended by itself",
    "The app's process was not observed to end by itself.",
)
GRACE_S = 0.1  # after a bound has passed, so that the event that shows it is in the history


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRestarts(Expectation):
    """A supervisor that starts the app anew whenever it ends by itself has at most `at_most` times
    to do so. Needs a boot with `restarts`.
    """

    at_most: int = 0
    kind: Literal["no_restarts"] = "no_restarts"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from _allowed(place, self)

    def excuse(self, run: Run) -> Reason | None:
        """More boots than are accepted ended by themselves, and had their time to start."""
        return _ends(self, run.app(self.app), run.history)

    def judged(self, run: Run) -> Verdict:
        return no_restarts(self, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return restarts_under_way(
            self, run.plan, run.history, now_s, run.app(self.app).deadlines.startup_s
        )


def no_restarts(e: NoRestarts, history: History) -> Verdict:
    """The app ends by itself at most `at_most` times, up to the run's settled end."""
    claim = f"{e.app} ends by itself at most {e.at_most} times under its supervisor"
    boots = {s.boot: s for s in history.of(Spawned) if s.app == e.app}
    if not boots:
        return unknown(e.kind, claim, NEVER_SPAWNED(app=e.app, boot=1))
    ends = [x for x in history.of(Exited) if x.app == e.app and not x.asked]
    seen = _ends_observed(ends, boots)
    if len(ends) > e.at_most:
        return failed(e.kind, claim, seen, last_log_line(ends[-1]))
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown(e.kind, claim, CUT_SHORT(), seen)
    return passed(e.kind, claim, seen)


def _ends_observed(ends: list[Exited], boots: dict[int, Spawned]) -> Reason:
    if not ends:
        return NO_EXIT()
    return EXITS(
        count=len(ends),
        exit_codes=list(dict.fromkeys(x.exit_code for x in ends)),
        after_s=[x.at_s - boots[x.boot].at_s for x in ends if x.boot in boots],
        restarts=sum(spawn.restart for spawn in boots.values()),
    )


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


def _ends(e: NoRestarts, app: App, history: History) -> Reason | None:
    """None where more boots than are accepted ended by themselves and had their time to start."""
    reasons = [
        _first_reason(e.app, ended.boot, app, history)
        for ended in history.of(Exited)
        if ended.app == e.app and not ended.asked
    ]
    return None if reasons.count(None) > e.at_most else next(filter(None, reasons), None)


def _first_reason(name: str, boot: int, app: App, history: History) -> Reason | None:
    losses = list(losses_of(name, boot, history))
    limits = app.deadlines
    given = start_of(name, boot, limits.startup_s, limits.gives_up_s, history)
    if started_by(history, name, boot) is not None:  # then its limit is not why it ended
        reasons = (too_much(g.span, losses, g.done_s) for g in given if not g.own)
    else:
        reasons = (lacked(each, losses) for each in given)
    return next(filter(None, reasons), None)


def _allowed(place: Place, e: NoRestarts) -> Iterator[Problem]:
    """As many restarts as would show that there are more than are accepted."""
    only = next(iter(place.topology.apps))
    mine = (b.restarts for b in place.plan.boots if (b.app or only) == (e.app or only))
    allowed = max(mine, default=0)
    if not 0 <= e.at_most < allowed:
        expected = f"0 or more, and less than the restarts that the plan's boot allows ({allowed})"
        fix = "give the plan boots=[Boot(restarts=...)], with more than are accepted"
        yield needs.wrong(place, "at_most", e.at_most, expected, fix)
