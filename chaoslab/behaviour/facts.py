"""What was observed of an app in one cell: typed facts. Times are in seconds. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["health", "liveness", "readiness", "request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A process of the app ended by itself `after_s` seconds after its spawn, and `since_fault_s`
    seconds after the fault was in force (None without a fault). `words` is the last line of its
    log that tells why; empty if it wrote nothing. `complete_s` is the time from its spawn until its
    start-up was complete, with the `state` of health then; None if it ended before.
    """

    code: int
    after_s: float
    since_fault_s: float | None
    words: str
    complete_s: float | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first boot, in seconds since its spawn: when it listened, and when it was complete, with
    the state of health then. None: not observed. `listens_s` and `last_status`, the last status of
    health, are those while the fault was in force. `attached`: the app ran before the lab
    did, so the times count from when the lab began to watch, and show nothing about the start-up.
    """

    listens_s: float | None
    complete_s: float | None
    state: str = ""
    last_status: int | None = None
    attached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How one path, or one declared request, answered in a span of time.

    `ways` maps each way, such as `503 unhealthy` or `hangs`, to how often it was observed, in the
    order in which they came first. `settled` is the last way, `settled_good` whether it is as in a
    steady state, and `settled_after_s` how many seconds after the start of the span it began.
    `turns` is how often the way changed. `good` counts the answers as in a steady state, and
    `good_at_end` those after the last other one. `third_slowest_s` is 0 of fewer than three.
    """

    name: str
    role: Role
    ways: Mapping[str, int]
    settled: str
    settled_good: bool
    settled_after_s: float
    turns: int
    good: int
    slowest_s: float
    good_at_end: int = 0
    third_slowest_s: float = 0.0

    @property
    def total(self) -> int:
        """How many answers, and requests without one, there were."""
        return sum(self.ways.values())

    @property
    def all_good(self) -> bool:
        """Whether each answer was as in a steady state."""
        return self.good == self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """How one path, or one declared request, came back after the heal.

    `after_s` is the time from the heal to the first of the good answers with which the watch ends;
    0 if it was never away, None if it was not back when the watch ended.
    """

    name: str
    role: Role
    after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The end after SIGTERM. `killed_after_s`: the process still ran after so many seconds, and the
    lab killed it. None if it did not.
    """

    code: int
    after_s: float
    killed_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnds:
    """How a further process of the app, such as its worker, ended by itself in the cell.

    `first` is the first end, `codes` has the exit codes of all, each once, and `count` their
    number. `restarts` is how often a supervisor started it again. `runs_after_s` is the time from
    the heal until its last start, 0 if that was before; None if it did not run when the watch
    ended, or if nothing was injected.
    """

    name: str
    first: Exit
    codes: tuple[int, ...]
    count: int
    restarts: int
    runs_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStop:
    """How a further process of the app ended after SIGTERM."""

    name: str
    stop: Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that was observed in one cell.

    `before` are the answers from the first completed start-up until the fault, `under` those that
    show the fault: those while it was in force, or if these were all good, those from its request
    until it was healed. `exits` are those from its request until it was healed, `later_exits` those
    after that. `restarts` are the boots that a supervisor started since its request, until the app
    was up again.
    `up_after_s` is the time from the heal until a start-up was complete that was not complete under
    the fault (None: not observed). `reports_healthy`: health was healthy while at least three
    requests in a row failed, for at least a second. `waiting` are the requests to an app that
    listened, and whose start-up was not complete while the fault was in force. `affected`: the
    fault was observed to affect the app. The watch ended `watched_s` after the heal.
    `process_ends` are the further processes that ended by themselves, `process_stops` how they
    ended after the plan's SIGTERM.
    """

    start: Start | None = None
    exits: tuple[Exit, ...] = ()
    later_exits: tuple[Exit, ...] = ()
    restarts: int = 0
    started_under_fault: bool = False
    before: tuple[Answers, ...] = ()
    under: tuple[Answers, ...] = ()
    waiting: tuple[Answers, ...] = ()
    reports_healthy: bool = False
    affected: bool = False
    held_s: float = 0.0
    up_after_s: float | None = None
    back: tuple[Back, ...] = ()
    watched_s: float | None = None
    stop: Stop | None = None
    process_ends: tuple[ProcessEnds, ...] = ()
    process_stops: tuple[ProcessStop, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything differed from a steady state, under the fault or after its heal."""
        away = any(each.after_s != 0.0 for each in self.back)
        ended = bool(self.exits or self.later_exits or self.process_ends)
        return away or ended or not all(each.all_good for each in self.under)
