"""Events of an app's processes, from the spawn to the exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chaoslab.history.events.base import BootEvent, Event
from chaoslab.model.health import HealthState


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Event):
    """The `prepare` commands of an app have succeeded. `at_s` is when the first one was started.

    If the data was `restored`, an earlier lab of the session ran them, and the services began with
    the data that they had then.
    """

    app: str
    took_s: float
    commands: tuple[tuple[str, ...], ...]
    restored: bool = False
    kind: Literal["prepared"] = "prepared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned(BootEvent):
    """An app's process was started.

    `standing`: the process ran before the lab did. The lab observes neither its start-up nor its
    end. `restart`: a supervisor started it, because the boot before had ended.
    """

    pid: int
    port: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    standing: bool = False
    restart: bool = False
    kind: Literal["spawned"] = "spawned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(BootEvent):
    """The lab first observed that the app's port is listening.

    `addresses` are those at which it listened; empty if they are not known.
    """

    addresses: tuple[str, ...] = ()
    kind: Literal["bound"] = "bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(BootEvent):
    """All ports on which the app's processes listen. Recorded at each change."""

    ports: tuple[int, ...]
    kind: Literal["listening"] = "listening"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer(BootEvent):
    """The app gave its first HTTP answer, of any status."""

    status_code: int
    kind: Literal["first_answer"] = "first_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupSnapshot(BootEvent):
    """What the app publishes about its start-up. The lab reads it when the start-up has completed
    or failed, or at the end of the boot.
    """

    complete: bool
    failed: bool
    mode: str | None
    completed_phases: tuple[str, ...]
    degraded_phases: tuple[str, ...]
    failed_phases: tuple[str, ...]
    phase_timings_s: Mapping[str, float]
    kind: Literal["startup_snapshot"] = "startup_snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupComplete(BootEvent):
    """The health path first answered healthy or degraded. If the app has a start-up path, that
    path reports a completed start-up as well.
    """

    state: HealthState
    kind: Literal["startup_complete"] = "startup_complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(BootEvent):
    """The readiness path first answered 2xx. For an app without a readiness path: its start-up was
    complete.
    """

    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested(BootEvent):
    """The plan stops the app: the lab sends SIGTERM now, and SIGKILL if the process still runs
    `grace_s` seconds later. `place` is that of the trigger in the plan.
    """

    place: str
    grace_s: float
    kind: Literal["stop_requested"] = "stop_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStops(BootEvent):
    """The app's supervisor stops the process: the lab sends SIGTERM now, and SIGKILL if the process
    still runs `grace_s` seconds later.

    `why`: `not_live` if liveness missed too many answers in a row, `startup` if it gave no good
    answer in the time of the start-up probe.
    """

    why: Literal["not_live", "startup"]
    grace_s: float
    kind: Literal["supervisor_stops"] = "supervisor_stops"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartDecided(BootEvent):
    """The app's process had ended, and its supervisor decided whether to start the app again.

    `why` is why the process ended: by itself, or because its supervisor had stopped it; `stopped`
    means that the plan stopped the app while the supervisor waited. It starts the app again after
    `wait_s` seconds, or not at all if that is None.
    """

    why: Literal["exited", "not_live", "startup", "stopped"]
    exit_code: int
    wait_s: float | None
    kind: Literal["restart_decided"] = "restart_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited(BootEvent):
    """The app's process ended. `asked`: the lab stopped it, for the plan or at the run's end; not
    as its supervisor (`SupervisorStops`).

    `killed_after_s`: the process still ran that many seconds after the lab's SIGTERM, and the lab
    sent SIGKILL. None if it did not. `supervisor` is why the app's supervisor stopped it; None if
    it did not.
    """

    exit_code: int
    asked: bool
    log_tail: tuple[str, ...]
    killed_after_s: float | None = None
    supervisor: Literal["not_live", "startup"] | None = None
    kind: Literal["exited"] = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpawned(Event):
    """A further process of an app, such as its worker, was started. `start` counts the starts of
    that process from 1. `restart`: a supervisor started it, because it had ended.
    """

    app: str
    process: str
    start: int
    pid: int
    argv: tuple[str, ...]
    restart: bool = False
    kind: Literal["process_spawned"] = "process_spawned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessExited(Event):
    """A further process of an app ended. `asked`: the lab stopped it, for the plan or at the run's
    end. `killed_after_s` is as in `Exited`.

    The supervisor starts it again after `wait_s` seconds, or not at all if that is None.
    """

    app: str
    process: str
    start: int
    exit_code: int
    asked: bool
    log_tail: tuple[str, ...]
    killed_after_s: float | None = None
    wait_s: float | None = None
    kind: Literal["process_exited"] = "process_exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRunning(BootEvent):
    """A process that the app had started was alive after the app's own process had ended.

    `ended`: the lab killed it.
    """

    pid: int
    process: str
    ended: bool
    kind: Literal["left_running"] = "left_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStarved(BootEvent):
    """Within the last `over_s` seconds the app was ready to run, but waited for a CPU core for
    `waited_s` seconds, as the kernel counts it. Recorded if it is more than a few milliseconds.
    """

    waited_s: float
    over_s: float
    kind: Literal["app_starved"] = "app_starved"
