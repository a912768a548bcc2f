"""Boots for tests, made of the house's own typed events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultHealed,
    FirstAnswer,
    HealthSample,
    HealthTurned,
    Ready,
    Spawned,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.run_folder import RunInfo
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.topology import App, Service, Topology

TOPOLOGY = Topology(
    name="reference",
    services={"postgres": Service(name="postgres", kind="postgres")},
    apps={
        "backend": App(
            name="backend",
            command=("{python}", "app.py"),
            links=("postgres",),
            health=HealthContract(ready_path="/health/ready"),
        )
    },
)
INFO = RunInfo(
    scenario="severed_before_start",
    seed=7,
    runtime="local",
    proxy="embedded",
    started_at="2026-01-01T00:00:00+00:00",
    chaoslab="0.1.0",
    python="3.11.7",
    machine="test",
)


def turned(at_s: float, state: HealthState, boot: int = 1) -> HealthTurned:
    return HealthTurned(at_s=at_s, app="backend", boot=boot, state=state)


def sampled(at_s: float, state: HealthState, boot: int = 1) -> HealthSample:
    return HealthSample(at_s=at_s, app="backend", boot=boot, took_s=0.01, state=state)


def spawned(at_s: float, boot: int = 1) -> Spawned:
    return Spawned(
        at_s=at_s, app="backend", boot=boot, pid=100 + boot, port=7000, argv=("app",), env={}
    )


def healed(at_s: float) -> FaultHealed:
    return FaultHealed(at_s=at_s, fault="severed:vpc")


def exited(at_s: float, code: int, *, asked: bool, boot: int = 1) -> Exited:
    return Exited(at_s=at_s, app="backend", boot=boot, exit_code=code, asked=asked, log_tail=())


def degraded_then_recovered(complete_s: float = 1.5) -> list[AnyEvent]:
    """A boot spawned at 1.0 s that starts degraded and is healthy 0.75 s after the heal at 4 s."""
    who = {"app": "backend", "boot": 1}
    return [
        spawned(1.0),
        Bound(at_s=1.25, app="backend", boot=1),
        FirstAnswer(at_s=1.5, app="backend", boot=1, status_code=503),
        turned(1.5, HealthState.UNHEALTHY),
        turned(1.0 + complete_s, HealthState.DEGRADED),
        StartupComplete(at_s=1.0 + complete_s, state=HealthState.DEGRADED, **who),
        StartupSnapshot(
            at_s=1.0 + complete_s,
            app="backend",
            boot=1,
            complete=True,
            failed=False,
            mode="emergency_degraded",
            completed_phases=("init", "database"),
            degraded_phases=("database",),
            failed_phases=(),
            phase_timings_s={"init": 0.125, "database": 0.5},
        ),
        sampled(2.75, HealthState.DEGRADED),
        healed(4.0),
        sampled(4.75, HealthState.HEALTHY),
        turned(4.76, HealthState.HEALTHY),
        Ready(at_s=5.0, app="backend", boot=1),
    ]


MakeRun = Callable[..., Path]
