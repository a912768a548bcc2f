"""`stops`: the process ends in time after SIGTERM, and loses nothing that it acknowledged. Pure."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal

from chaoslab.errors import ErrorCode, Problem
from chaoslab.evidence.given import Given
from chaoslab.evidence.kept import (
    ALL_FOUND,
    NOT_LOOKED_UP,
    counts_of,
    last_looks,
    lost_writes,
)
from chaoslab.evidence.processes import process_killed, stopped_since
from chaoslab.evidence.reasons import CUT_SHORT, MISSED, NEVER_SPAWNED
from chaoslab.evidence.starvation import lacked_time
from chaoslab.evidence.stopping import killed
from chaoslab.evidence.timeline import Span, exited, spawned
from chaoslab.evidence.unfinished_start import log_lines
from chaoslab.evidence.waits import losses_of
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    AppSockets,
    Exited,
    FaultHealing,
    FaultInForce,
    Request,
    Spawned,
    StopRequested,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Boot
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NO_STOP_OF_BOOT = ErrorCode(
    "expectation.no_stop_of_boot",
    "'{kind}' needs a boot that the plan stops, and boot {boot} of '{app}' has no stop",
    "The claim is about the end of a boot after SIGTERM, and the plan does not stop that boot.",
)


def _code(exit_code: int) -> str:
    """The exit code for people; with the name of the signal that ended the process, if one did."""
    known = exit_code < 0 and -exit_code in {each.value for each in signal.Signals}
    return f"{exit_code} ({signal.Signals(-exit_code).name})" if known else str(exit_code)


def _in_force(data: Mapping[str, Any]) -> str:
    return f"in force at SIGTERM: {', '.join(data['faults']) or 'no fault'}"


NOT_REQUESTED = Code(
    "stop.not_requested",
    "the lab did not send SIGTERM: the trigger of its stop did not occur while it ran",
    "The plan's stop of the boot was not carried out, so there is nothing to judge.",
)
ENDED_BEFORE = Code(
    "stop.ended_before",
    lambda data: (
        f"the process ended with {_code(data['exit_code'])} at {data['at_s']:.3f} s, "
        "without a SIGTERM of the lab"
    ),
    "The process ended by itself before the lab asked it to stop.",
    data=("exit_code", "at_s"),
)
ENDED = Code(
    "stop.ended",
    lambda data: (
        f"SIGTERM at {data['at_s']:.3f} s: the process ended {data['after_s']:.3f} s later "
        f"with {_code(data['exit_code'])}"
    ),
    "When the lab sent SIGTERM, and when and how the process ended.",
    data=("at_s", "after_s", "exit_code"),
)
OTHER_EXIT_CODE = Code(
    "stop.other_exit_code",
    lambda data: (
        f"expected exit code {' or '.join(map(_code, data['expected']))}, "
        f"got {_code(data['exit_code'])}"
    ),
    "After SIGTERM the process ended with a code that the claim does not accept.",
    data=("exit_code", "expected"),
)
FAULTS_THEN = Code(
    "stop.faults_then",
    _in_force,
    "Which faults were in force when the lab sent SIGTERM.",
    data=("faults",),
)
PROCESS_LATE = Code(
    "stop.process_late",
    "process '{process}' ended {after_s:.3f} s after SIGTERM, {within_s:g} s are allowed",
    "A further process of the app, such as a worker, did not end in time.",
    data=("process", "after_s", "within_s"),
)
STILL_CONNECTED = Code(
    "stop.still_connected",
    lambda data: f"at its end it had {data['count']} connections open on {data['link']}",
    "Connections of the app to a service, open when the lab killed the app.",
    data=("link", "count"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops(Expectation):
    """The process ends by itself within `within_s` of SIGTERM, with one of `exit_codes` (None: with
    any code), and no write of the load that it acknowledged is lost. The app's further processes
    end in time too, with any code.

    The plan needs a boot with `stop`. If `within_s` is None, the limit is that boot's `grace_s`,
    after which the lab sends SIGKILL. A code below 0 is the signal that ended the process: -15 is
    SIGTERM in a process without a handler.
    """

    within_s: float | None = None
    exit_codes: tuple[int, ...] | None = (0,)
    boot: int = 1
    kind: Literal["stops"] = "stops"

    of_stop: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        codes = self.exit_codes
        if codes is not None and (not isinstance(codes, tuple) or not codes):
            expected = "a tuple of exit codes, or None for any"
            yield wrong(place.where, "exit_codes", self.exit_codes, expected, "write (0,)")
        name = needs.app_name(place, self.app)
        boots = [boot for boot in place.plan.boots if needs.app_name(place, boot.app) == name]
        if 1 <= self.boot <= len(boots):
            yield from self._of_boot(place, name, boots[self.boot - 1])

    def _of_boot(self, place: Place, name: str, boot: Boot) -> Iterator[Problem]:
        if boot.stop is None:
            reason = NO_STOP_OF_BOOT(kind=self.kind, boot=self.boot, app=name)
            fix = "give it stop=, for example Boot(stop=when.healthy(1.0))"
            yield Problem(where=place.where, reason=reason, fix=fix)
        elif self.within_s is not None and self.within_s > boot.grace_s:
            expected = f"at most the boot's grace_s ({boot.grace_s:g}), after which it is killed"
            yield wrong(place.where, "within_s", self.within_s, expected)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = self._claim(run)
        begun, ended = spawned(history, self.app, self.boot), exited(history, self.app, self.boot)
        request = history.first_of_boot(StopRequested, self.app, self.boot)
        if begun is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=self.boot))
        if ended is not None and not ended.asked:
            before = ENDED_BEFORE(exit_code=ended.exit_code, at_s=ended.at_s)
            return unknown(self.kind, claim, before, *log_lines(ended))
        if request is None:
            return unknown(self.kind, claim, NOT_REQUESTED())
        if ended is None:
            return unknown(self.kind, claim, CUT_SHORT())
        how = (*_how_it_ended(request, ended), *_faults_then(run, request))
        if self._bad_end(request, ended) and _had_its_time(run, request, ended):
            wrong = (*self._bad_end(request, ended), *_doing(request, ended, history))
            return failed(self.kind, claim, *wrong, *how, *log_lines(ended))
        if late := [*self._late_processes(run, request)]:
            return failed(self.kind, claim, *late, *how)
        outcome, writes = _writes(run, begun, ended)
        if outcome is Outcome.FAIL:
            return failed(self.kind, claim, *writes, *how)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), *how)
        if outcome is Outcome.UNKNOWN:
            return unknown(self.kind, claim, *writes, *how)
        return passed(self.kind, claim, *how, *writes)

    def _late_processes(self, run: Run, request: StopRequested) -> Iterator[Reason]:
        """Yields a reason for each further process of the app that did not end in time."""
        for ended in stopped_since(self.app, run.history, request.at_s):
            took_s = ended.at_s - request.at_s
            if run.was_cut_short and took_s < request.grace_s:
                continue  # the end of an interrupted run stops every process at once
            if by_lab := process_killed(ended):
                yield by_lab
            elif took_s > self._limit_s(request):
                yield PROCESS_LATE(
                    process=ended.process, after_s=took_s, within_s=self._limit_s(request)
                )

    def excuse(self, run: Run) -> Reason | None:
        """The reason why the machine may be the cause that the process did not end in time; None if
        the process ended in time, or if it had enough time for that.
        """
        history = run.history
        request = history.first_of_boot(StopRequested, self.app, self.boot)
        ended = exited(history, self.app, self.boot)
        if request is None or ended is None or not self._is_late(request, ended):
            return None
        given = Span(start_s=request.at_s, end_s=request.at_s + self._limit_s(request))
        done_s = None if ended.killed_after_s is not None else ended.at_s
        losses = list(losses_of(self.app, self.boot, history))
        return lacked_time(Given(span=given, done_s=done_s), losses)

    def _claim(self, run: Run) -> str:
        boots = [boot for boot in run.plan.boots if boot.app == self.app]
        planned_s = boots[self.boot - 1].grace_s if self.boot <= len(boots) else inf
        within_s = planned_s if self.within_s is None else self.within_s
        codes = "" if self.exit_codes is None else " or ".join(map(_code, self.exit_codes))
        ends = " and ".join((f"boot {self.boot} of {self.app}", *run.app(self.app).processes))
        verb = "end" if run.app(self.app).processes else "ends"
        claim = f"{ends} {verb} within {within_s:g} s of SIGTERM"
        claim += f" with {codes}" if codes else ""
        kept = ", and loses no write that it acknowledged"
        return claim + (kept if _has_load(run, self.app) else "")

    def _limit_s(self, request: StopRequested) -> float:
        return request.grace_s if self.within_s is None else self.within_s

    def _is_late(self, request: StopRequested, ended: Exited) -> bool:
        took_s = ended.at_s - request.at_s
        return ended.killed_after_s is not None or took_s > self._limit_s(request)

    def _bad_end(self, request: StopRequested, ended: Exited) -> list[Reason]:
        """The reasons why the end is not as claimed: killed, late, or another exit code. Empty if
        it is as claimed.
        """
        if (by_lab := killed(ended)) is not None:
            return [by_lab]
        found, limit_s = [], self._limit_s(request)
        if self._is_late(request, ended):
            late_s = ended.at_s - request.at_s - limit_s
            found.append(MISSED(late_s=late_s, within_s=limit_s))
        if self.exit_codes is not None and ended.exit_code not in self.exit_codes:
            expected = list(self.exit_codes)
            found.append(OTHER_EXIT_CODE(exit_code=ended.exit_code, expected=expected))
        return found


def _has_load(run: Run, app: str) -> bool:
    return any(load.app == app for load in run.plan.load)


def _had_its_time(run: Run, request: StopRequested, ended: Exited) -> bool:
    """Whether the end is the app's own: the run was not interrupted, or only after the app had had
    all of its grace period. The end of an interrupted run stops every app at once.
    """
    if not run.was_cut_short:
        return True
    return ended.killed_after_s is not None and ended.at_s - request.at_s >= request.grace_s


def _how_it_ended(request: StopRequested, ended: Exited) -> Iterator[Reason]:
    after_s = ended.at_s - request.at_s
    yield ENDED(at_s=request.at_s, after_s=after_s, exit_code=ended.exit_code)


def _faults_then(run: Run, request: StopRequested) -> Iterator[Reason]:
    """Yields the reason with the faults that were in force at the request, if the plan has any."""
    history, then_s = run.history, request.at_s
    begun = {e.fault for e in history.of(FaultInForce) if e.at_s <= then_s}
    over = {e.fault for e in history.of(FaultHealing) if e.at_s <= then_s}
    if run.plan.faults:
        yield FAULTS_THEN(faults=sorted(begun - over))


def _doing(request: StopRequested, ended: Exited, history: History) -> Iterator[Reason]:
    """Yields what was observed of a process when the lab killed it: its open connections."""
    if ended.killed_after_s is None:
        return
    due_s = request.at_s + ended.killed_after_s  # SIGKILL closes them
    looks = history.of_boot(AppSockets, ended.app, ended.boot)
    last = {look.link: look for look in looks if look.at_s < due_s}
    for link, look in sorted(last.items()):
        if look.established:
            yield STILL_CONNECTED(link=link, count=len(look.established))


def _writes(run: Run, begun: Spawned, ended: Exited) -> tuple[Outcome, list[Reason]]:
    """Whether the database has the writes of the load that the boot acknowledged, with the reasons.
    PASS if it acknowledged none; without a reason if the plan has no load of the app.
    """
    app = run.app(begun.app)
    mine = [
        w
        for w in run.history.of(Request)
        if (w.app, w.purpose, w.of_kind) == (app.name, "load", "write")
        and begun.at_s <= w.at_s <= ended.at_s
    ]
    if not _has_load(run, app.name):
        return Outcome.PASS, []
    if not (ok := [w for w in mine if w.outcome == "ok"]):
        return Outcome.PASS, [counts_of(mine)]
    places = (each.looked_up for each in app.requests.values())
    late_s = max((place.within_s for place in places if place), default=0.0)
    looked = last_looks(app.name, mine, run.history, late_s)
    counts = counts_of(mine)
    if lost := [w for w in ok if looked.there.get(w.op) is False]:
        return Outcome.FAIL, [*lost_writes(lost, late_s), counts]
    if unseen := sum(w.op not in looked.there for w in ok):
        return Outcome.UNKNOWN, [NOT_LOOKED_UP(count=unseen, after_s=late_s), counts]
    return Outcome.PASS, [counts, ALL_FOUND(once=False)]
