"""Without a way to start, the process ends in time and names the cause. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, start_of
from chaoslab.evidence.reasons import MISSED, NEVER_SPAWNED, last_log_line
from chaoslab.evidence.starting import LAST_WORDS, is_past, not_reached
from chaoslab.evidence.timeline import Span, exited, spawned, started_by, watched_until_s
from chaoslab.evidence.unfinished_start import exited_early
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

UP = Code(
    "start.up",
    "health called the app up {after_s:.3f} s after the spawn",
    "Start-up completed where the process should have ended.",
)
NOT_EXITED = Code(
    "app.not_exited",
    "the process did not end, watched for {watched_s:.3f} s",
    "The app's process lived until the lab stopped it, or until the run's end.",
)
OTHER_EXIT_CODE = Code(
    "app.other_exit_code",
    "expected exit code {expected}, got {exit_code}",
    "The process ended with another exit code than the expected one.",
)
NAME_MISSING = Code(
    "log.name_missing",
    "the last log lines do not name {name}",
    "The last lines that the app wrote do not have the name of a dependency that is lost.",
)
CAUSE_MISSING = Code(
    "log.cause_missing",
    lambda data: (
        "the last log lines do not name the cause, expected one of: "
        + ", ".join(f"'{cause}'" for cause in data["expected"])
    ),
    "The last lines that the app wrote have none of the words for what happened to the path.",
    data=("expected",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsFast(Expectation):
    """The app exits with `exit_code` within `within_s` and its last words name each of `naming`.

    `cause`, where given, are words of which at least one must stand there too: what really
    happened to the path, not what the app made of it.
    """

    naming: tuple[str, ...]
    cause: tuple[str, ...] = ()
    within_s: float | None = None
    exit_code: int = 3
    boot: int = 1
    kind: Literal["fails_fast"] = "fails_fast"

    of_start: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.names(place, self.naming)
        if isinstance(self.cause, str):
            fix = f"write ({self.cause!r},)"
            yield needs.wrong(place, "cause", self.cause, "a tuple of words", fix)

    def resolved(self, app: App) -> Self:
        within_s = app.deadlines.fail_fast_s if self.within_s is None else self.within_s
        return replace(self, app=app.name, within_s=within_s)

    @property
    def expects_end(self) -> bool:
        return True

    @property
    def start_mode(self) -> str:
        return "end"

    def awaits(self, seen: Seen) -> bool:
        """The answer that would contradict it, up to its bound."""
        return seen.complete_s is None and seen.now_s < seen.spawned_s + (self.within_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        limits = run.app(self.app).deadlines
        yield from start_of(self.app, self.boot, self.within_s, limits.gives_up_s, run.history)

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        return fails_fast(self, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return _under_way(self, run.plan, run.history, now_s)


def fails_fast(e: FailsFast, history: History) -> Verdict:
    """Without a bypass: the process ends in time, with the exit code, naming the cause."""
    claim = f"boot {e.boot} of {e.app} exits with {e.exit_code} within {e.within_s} s"
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None:
        return unknown(e.kind, claim, NEVER_SPAWNED(app=e.app, boot=e.boot))
    served_s = started_by(history, e.app, e.boot)
    if served_s is not None:
        return failed(e.kind, claim, UP(after_s=served_s - begun.at_s))
    if ended is None or ended.asked:
        if early := not_reached(e, history, begun, ended):
            return unknown(e.kind, claim, early)
        watched_s = watched_until_s(history, e.app, e.boot) - begun.at_s
        return failed(e.kind, claim, NOT_EXITED(watched_s=watched_s))
    took_s = ended.at_s - begun.at_s
    wrong: list[Reason] = []
    if e.within_s is not None and took_s > e.within_s:
        wrong.append(MISSED(late_s=took_s - e.within_s, within_s=e.within_s))
    if ended.exit_code != e.exit_code:
        wrong.append(OTHER_EXIT_CODE(exit_code=ended.exit_code, expected=e.exit_code))
    wrong += _not_named(e, "\n".join(ended.log_tail[-LAST_WORDS:]).lower())
    because = (*exited_early(e, history, begun, ended), last_log_line(ended))
    if wrong:
        return failed(e.kind, claim, *because, *wrong)
    return passed(e.kind, claim, *because)


def _not_named(e: FailsFast, words: str) -> list[Reason]:
    """What the last log lines should have named, and do not: the dependency, and the cause."""
    wrong = [NAME_MISSING(name=name) for name in e.naming if name.lower() not in words]
    if e.cause and not any(cause.lower() in words for cause in e.cause):
        wrong.append(CAUSE_MISSING(expected=e.cause))
    return wrong


def _under_way(e: FailsFast, plan: Plan, history: History, now_s: float) -> str | None:
    """Wait for the end of the process, or until its time is up."""
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return f"boot {e.boot} of {e.app}"
    if exited(history, e.app, e.boot):
        return None
    given = Span(start_s=begun.at_s, end_s=begun.at_s + (e.within_s or 0.0))
    past = is_past(now_s, given, e, plan, history, heard=True)
    return None if past else f"the start-up of {e.app}"
