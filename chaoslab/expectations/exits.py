"""`exits`: under a fault the app's process ends in time, with an exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.evidence.given import Given
from chaoslab.evidence.reasons import MISSED, last_log_line
from chaoslab.evidence.timeline import Span, exited
from chaoslab.evidence.under_fault import Under, under, was_watched
from chaoslab.evidence.until_heal import CUT_SHORT
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_fault import OfFault
from chaoslab.history.events import Exited, Spawned
from chaoslab.history.journal import History
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

ENDED = Code(
    "exit.under_fault",
    "boot {boot} exited with {exit_code}, {after_s:.3f} s after {since}",
    "The process ended by itself under the fault. The seconds count from the fault, or from the"
    " spawn if that was later.",
)
NOT_ENDED = Code(
    "exit.not_under_fault",
    "boot {boot} did not exit within {within_s:g} s of {since}",
    "The process ran for longer than the bound under the fault.",
)
CLEAN = Code(
    "exit.clean",
    "exit code 0 means success: a supervisor that restarts on failure does not start it again",
    "The process ended under the fault as if it had done its work.",
)
STOPPED = Code(
    "exit.by_supervisor",
    "its supervisor stopped it: {why}",
    "The process did not end by itself: the app's supervisor stopped it.",
)
TIMES = Code(
    "exit.times",
    "it exited {count} times while {fault} was in force",
    "How often the app's process ended by itself under the fault.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exits(OfFault):
    """Under `fault` the process ends by itself, within `within_s` of the fault, or of its spawn if
    that is later, with an exit code other than 0. So does each boot that a supervisor starts under
    the fault and that has its time.
    """

    within_s: float | None = None
    kind: Literal["exits"] = "exits"

    expects_end: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.fail_fast_s}

    @property
    def start_mode(self) -> str:
        return "end"

    def given(self, run: Run) -> Iterator[Given]:
        if not isinstance(found := under(self, run.history), Under):
            return
        for boot in (found.boot, *found.later):
            start_s, ended = _from_s(found, boot), exited(run.history, self.app, boot.boot)
            span = Span(start_s=start_s, end_s=start_s + (self.within_s or 0.0))
            yield Given(span=span, done_s=ended.at_s if ended else found.span.end_s)

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history, within_s = run.history, self.within_s or 0.0
        claim = (
            f"{self.app} exits with a code other than 0 within {within_s:g} s under {self.fault}"
        )
        found = under(self, history)
        if isinstance(found, Reason):
            return unknown(self.kind, claim, found)
        because: list[Reason] = []
        for boot in (found.boot, *found.later):
            ended = exited(history, self.app, boot.boot)
            if ended is None or ended.asked or ended.at_s > found.around.end_s:
                held_s = found.span.end_s - _from_s(found, boot)
                if held_s >= within_s:
                    since = _since(self, found, boot)
                    missed = NOT_ENDED(boot=boot.boot, within_s=within_s, since=since)
                    return failed(self.kind, claim, missed, *because)
                continue
            why = self._ended(found, boot, ended)
            if wrong := [*self._wrong(found, boot, ended)]:
                return failed(self.kind, claim, why, *wrong, last_log_line(ended))
            because += [] if because else [why, last_log_line(ended)]
        if not because:
            early = found.too_short(self.fault, within_s)
            return unknown(self.kind, claim, *([early] if early else []))
        because.append(TIMES(count=_count(self, found, history), fault=self.fault))
        if not was_watched(self, found, history):
            return unknown(self.kind, claim, CUT_SHORT(fault=self.fault), *because)
        return passed(self.kind, claim, *because)

    def _ended(self, found: Under, boot: Spawned, ended: Exited) -> Reason:
        after_s = max(0.0, ended.at_s - _from_s(found, boot))
        return ENDED(
            boot=boot.boot,
            exit_code=ended.exit_code,
            after_s=after_s,
            since=_since(self, found, boot),
        )

    def _wrong(self, found: Under, boot: Spawned, ended: Exited) -> Iterator[Reason]:
        """Yields what contradicts the claim in the end of one boot."""
        late_s = ended.at_s - _from_s(found, boot) - (self.within_s or 0.0)
        if late_s > 0:
            yield MISSED(late_s=late_s, within_s=self.within_s)
        if ended.supervisor is not None:
            yield STOPPED(why=ended.supervisor)
        elif ended.exit_code == 0:
            yield CLEAN()


def _from_s(found: Under, boot: Spawned) -> float:
    return max(found.span.start_s, boot.at_s)


def _since(e: Exits, found: Under, boot: Spawned) -> str:
    return "its spawn" if boot.at_s > found.span.start_s or found.at_boot else e.fault


def _count(e: Exits, found: Under, history: History) -> int:
    mine = (x for x in history.of(Exited) if x.app == e.app and not x.asked)
    return sum(found.around.holds(x.at_s) for x in mine)
