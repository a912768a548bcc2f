"""`fails_fast`: an app that cannot start exits in time, and logs the cause. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, start_of
from chaoslab.evidence.reasons import MISSED, NEVER_SPAWNED, last_log_line
from chaoslab.evidence.starting import LAST_WORDS, is_past, not_reached
from chaoslab.evidence.timeline import Span, exited, spawned, started_by, watched_until_s
from chaoslab.evidence.unfinished_start import exited_early
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NONZERO: Final = "nonzero"


def _expected(exit_code: int | str) -> str:
    return "a non-zero exit code" if exit_code == NONZERO else f"exit code {exit_code}"


UP = Code(
    "start.up",
    "health answered as for a completed start-up {after_s:.3f} s after the spawn",
    "Start-up completed, and the process was expected to exit.",
)
NOT_EXITED = Code(
    "app.not_exited",
    "the process did not exit; it was watched for {watched_s:.3f} s",
    "The app's process ran until the lab stopped it, or until the run's end.",
)
OTHER_EXIT_CODE = Code(
    "app.other_exit_code",
    lambda data: f"expected {_expected(data['expected'])}, got {data['exit_code']}",
    "The exit code of the process is not the expected one.",
    data=("expected", "exit_code"),
)
NAME_MISSING = Code(
    "log.name_missing",
    "the last log lines do not name {name}",
    "The last lines of the app's log do not contain the name of a dependency that is lost.",
)
CAUSE_MISSING = Code(
    "log.cause_missing",
    lambda data: (
        "the last log lines do not name the cause, expected one of: "
        + ", ".join(f"'{cause}'" for cause in data["expected"])
    ),
    "The last lines of the app's log contain none of the words for the cause.",
    data=("expected",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsFast(Expectation):
    """The app exits with `exit_code` within `within_s` of the spawn, and its last log lines contain
    each name in `naming`.

    "nonzero" is every exit code but 0, also the negative one of a process that a signal ended. If
    `cause` is given, the last log lines must also contain at least one of its words: what happened
    to the path, such as "refused".
    """

    naming: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    within_s: float | None = None
    exit_code: int | Literal["nonzero"] = NONZERO
    boot: int = 1
    kind: Literal["fails_fast"] = "fails_fast"

    of_start: ClassVar[bool] = True
    expects_end: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.fail_fast_s}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        if self.naming:
            yield from needs.names(place, self.naming)
        if isinstance(self.exit_code, str) and self.exit_code != NONZERO:
            yield wrong(place.where, "exit_code", self.exit_code, f"a number, or {NONZERO!r}")
        if isinstance(self.cause, str):
            fix = f"write ({self.cause!r},)"
            yield wrong(place.where, "cause", self.cause, "a tuple of words", fix)

    @property
    def start_mode(self) -> str:
        return "end"

    def awaits(self, seen: Seen) -> bool:
        """Whether a completed start-up, which would contradict the claim, may still occur within
        `within_s`.
        """
        return seen.complete_s is None and seen.now_s < seen.spawned_s + (self.within_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        limits = run.app(self.app).deadlines
        yield from start_of(self.app, self.boot, self.within_s, limits.gives_up_s, run.history)

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        code = "a non-zero code" if self.exit_code == NONZERO else self.exit_code
        claim = f"boot {self.boot} of {self.app} exits with {code} within {self.within_s} s"
        begun, ended = spawned(history, self.app, self.boot), exited(history, self.app, self.boot)
        if begun is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=self.boot))
        served_s = started_by(history, self.app, self.boot)
        if served_s is not None:
            return failed(self.kind, claim, UP(after_s=served_s - begun.at_s))
        if ended is None or ended.asked:
            if early := not_reached(self, history, begun, ended):
                return unknown(self.kind, claim, early)
            watched_s = watched_until_s(history, self.app, self.boot) - begun.at_s
            return failed(self.kind, claim, NOT_EXITED(watched_s=watched_s))
        took_s = ended.at_s - begun.at_s
        wrong: list[Reason] = []
        if self.within_s is not None and took_s > self.within_s:
            wrong.append(MISSED(late_s=took_s - self.within_s, within_s=self.within_s))
        if not self._is_expected(ended.exit_code):
            wrong.append(OTHER_EXIT_CODE(exit_code=ended.exit_code, expected=self.exit_code))
        wrong += _not_named(self, "\n".join(ended.log_tail[-LAST_WORDS:]).lower())
        because = (*exited_early(self, history, begun, ended), last_log_line(ended))
        if wrong:
            return failed(self.kind, claim, *because, *wrong)
        return passed(self.kind, claim, *because)

    def _is_expected(self, exit_code: int) -> bool:
        return exit_code != 0 if self.exit_code == NONZERO else exit_code == self.exit_code

    def waits_for(self, run: Run, now_s: float) -> str | None:
        history = run.history
        begun = spawned(history, self.app, self.boot)
        if begun is None:
            return f"boot {self.boot} of {self.app}"
        if exited(history, self.app, self.boot):
            return None
        given = Span(start_s=begun.at_s, end_s=begun.at_s + (self.within_s or 0.0))
        past = is_past(now_s, given, self, run.plan, history, heard=True)
        return None if past else f"the start-up of {self.app}"


def _not_named(e: FailsFast, words: str) -> list[Reason]:
    """The reasons that say which names are missing in the last log lines, and whether the cause is
    missing. `words` are these lines in lower case. Empty if nothing is missing.
    """
    wrong = [NAME_MISSING(name=name) for name in e.naming if name.lower() not in words]
    if e.cause and not any(cause.lower() in words for cause in e.cause):
        wrong.append(CAUSE_MISSING(expected=e.cause))
    return wrong
