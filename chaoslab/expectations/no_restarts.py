"""`no_restarts`: a supervisor does not have to restart the app too often. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT, NEVER_SPAWNED, last_log_line, process_exit
from chaoslab.evidence.supervision import excuse_of_exit
from chaoslab.evidence.timeline import newest_boot
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    Exited,
    Spawned,
    StartupComplete,
)
from chaoslab.model.expectation import Place
from chaoslab.model.plan import supervisor_of
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason


def _exits(data: Mapping[str, Any]) -> str:
    """The text of the reason, for example: `exited 2 times with 1, 0.3 and 0.4 s after each spawn;
    restarted each time`.
    """
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
GRACE_S = 0.1  # waited after a bound, so that the history has the event that shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRestarts(Expectation):
    """The app's process ends at most `at_most` times while a supervisor restarts it: by itself, or
    because the supervisor stopped it.

    The app needs a supervisor: that of the topology, or of the plan's boot.
    """

    at_most: int = 0
    kind: Literal["no_restarts"] = "no_restarts"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from _too_few(place, self)

    def excuse(self, run: Run) -> Reason | None:
        """The reason why the machine may be the cause of the exits; None if more boots than
        `at_most` exited although they had enough time to start.
        """
        app, history = run.app(self.app), run.history
        reasons = [
            excuse_of_exit(self.app, ended.boot, app, history)
            for ended in history.of(Exited)
            if ended.app == self.app and not ended.asked
        ]
        own = reasons.count(None)
        return None if own > self.at_most else next(filter(None, reasons), None)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = f"{self.app} ends at most {self.at_most} times under its supervisor"
        boots = {s.boot: s for s in history.of(Spawned) if s.app == self.app}
        if not boots:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=1))
        ends = [x for x in history.of(Exited) if x.app == self.app and not x.asked]
        seen = _ends_observed(ends, boots)
        if len(ends) > self.at_most:
            stopped = (process_exit(ended) for ended in ends if ended.supervisor)
            return failed(self.kind, claim, seen, *stopped, last_log_line(ends[-1]))
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), seen)
        return passed(self.kind, claim, seen)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: the next restart, or the start-up of the
        newest boot. None if no restart is left, or if the newest boot is up or has had its time.
        """
        history, startup_s = run.history, run.app(self.app).deadlines.startup_s
        newest = newest_boot(history, self.app)
        if newest is None:
            return f"boot 1 of {self.app}"
        ends = [x for x in history.of(Exited) if x.app == self.app and not x.asked]
        supervisor = supervisor_of(self.app, run.plan)
        allowed = supervisor.most_restarts if supervisor else 0
        if len(ends) > (allowed if allowed < inf else self.at_most):
            return None
        if any(x.boot == newest.boot for x in ends):
            return f"{self.app} to be restarted"
        who = (newest.app, newest.boot)
        complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == who)
        if complete is not None or now_s > newest.at_s + startup_s + GRACE_S:
            return None
        return f"the start-up of boot {newest.boot} of {self.app}"


def _ends_observed(ends: list[Exited], boots: dict[int, Spawned]) -> Reason:
    if not ends:
        return NO_EXIT()
    return EXITS(
        count=len(ends),
        exit_codes=list(dict.fromkeys(x.exit_code for x in ends)),
        after_s=[x.at_s - boots[x.boot].at_s for x in ends if x.boot in boots],
        restarts=sum(spawn.restart for spawn in boots.values()),
    )


def _too_few(place: Place, e: NoRestarts) -> Iterator[Problem]:
    """Yields a problem if the app's supervisor does not restart it more often than the claim
    accepts: then the claim could never fail.
    """
    allowed = needs.most_restarts(place, e)
    if not 0 <= e.at_most < allowed:
        expected = f"0 or more, and less than the restarts that the supervisor allows ({allowed})"
        fix = "give the plan boots=[Boot(restarts=...)], with more than are accepted"
        yield wrong(place.where, "at_most", e.at_most, expected, fix)
