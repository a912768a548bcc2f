"""Events of an app's answers to the lab's own requests for health, liveness and readiness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.history.events.base import BootEvent
from chaoslab.model.health import HealthState


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSample(BootEvent):
    """One request to the health path, sent at `at_s` on a new connection.

    `word` is the app's own word for its state. `dependencies` maps each dependency that the body
    names to the app's word for its state. `error` says why there was no answer, or why the body
    could not be read.
    """

    took_s: float
    state: HealthState
    status_code: int | None = None
    word: str | None = None
    dependencies: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    kind: Literal["health_sample"] = "health_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProberSample(BootEvent):
    """One request to the liveness or readiness path, sent at `at_s` on a new connection.

    Without an answer `status_code` is None, `error` says why, and `took_s` is how long the lab
    waited.
    """

    path: Literal["live", "ready"]
    took_s: float
    status_code: int | None = None
    error: str | None = None
    kind: Literal["prober_sample"] = "prober_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsAsked(BootEvent):
    """How many requests the lab sent to one boot, by path. Recorded when the lab stops watching the
    boot.

    `most_under_way` is the largest number of these requests that were open at the same time, over
    all paths. On one path it is never more than one.
    """

    asked: Mapping[str, int]
    most_under_way: int
    kind: Literal["questions_asked"] = "questions_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTurned(BootEvent):
    """The state of health differs from that of the sample before, or the sample is the
    first one.
    """

    state: HealthState
    kind: Literal["health_turned"] = "health_turned"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthUnread(BootEvent):
    """The health contract does not read a 2xx answer of health: `why` says what it lacks, or `word`
    is the word that it does not have. Recorded at the first such answer of a boot.
    """

    status_code: int
    why: str = ""
    word: str = ""
    kind: Literal["health_unread"] = "health_unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossNamed(BootEvent):
    """The lost dependencies that health names differ from those of the sample before. `lost` is
    empty if health names none.
    """

    lost: tuple[str, ...]
    kind: Literal["loss_named"] = "loss_named"
