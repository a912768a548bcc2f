"""What a plan expects, within which bounds; each kind is judged by one verdict function.

A bound left at None is taken from the app's deadlines when the plan is resolved, so that a saved
plan is complete. `rests_on` names the faults that must be shown to have met the app for the verdict
to mean anything; None means every fault of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StartMode = Literal["normal", "degraded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Start-up completes within `within_s` of the spawn, every phase completed or degraded.

    `mode` is what health must say then: `normal` healthy, `degraded` degraded, None either.
    `startup_mode`, where given, is what the app must publish.
    """

    mode: StartMode | None = None
    within_s: float | None = None
    boot: int = 1
    startup_mode: str | None = None
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["starts"] = "starts"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailsFast:
    """The app exits with `exit_code` within `within_s` and its last words name each of `naming`."""

    naming: tuple[str, ...]
    within_s: float | None = None
    exit_code: int = 3
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["fails_fast"] = "fails_fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrades:
    """Health answers 200 degraded within `within_s` of the fault (or of the start-up's end, where
    that is later), names exactly the dependencies in `naming`, and stays so until the heal.
    """

    naming: tuple[str, ...]
    within_s: float | None = None
    fault: str = ""
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["degrades"] = "degrades"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers:
    """Within `within_s` of the last heal health is healthy, stays so for `stable_s` in the same
    process, and a write through the app is found in the database itself.

    `proved` asks for that write; None asks for it where the app declares how it writes.
    """

    within_s: float | None = None
    proved: bool | None = None
    stable_s: float = 0.4
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["recovers"] = "recovers"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsAcknowledged:
    """Every write that the app acknowledged is found in the database itself at the end, and at
    least `at_least` were acknowledged.
    """

    at_least: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["keeps_acknowledged"] = "keeps_acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequestServed:
    """The first write sent after `fault` was healed is acknowledged within `within_s`, with no
    health sample between the heal and it.
    """

    fault: str
    within_s: float = 2.0
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["first_request_served"] = "first_request_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysAvailable:
    """From the end of start-up to the run's end health never answers anything but 2xx, and the
    state stays healthy if `healthy` is set: slow is not dead.
    """

    healthy: bool = True
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["stays_available"] = "stays_available"


Expectation = (
    Starts
    | FailsFast
    | Degrades
    | Recovers
    | KeepsAcknowledged
    | FirstRequestServed
    | StaysAvailable
)
