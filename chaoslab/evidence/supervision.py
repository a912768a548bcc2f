"""What an app's supervisor does, by the records of the run: the lab acts on it, and the verdicts
know by it which restarts are still to come. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chaoslab.evidence.given import start_of
from chaoslab.evidence.probes import LATE_S, Probe, probes_of
from chaoslab.evidence.starvation import lacked_time, starved_exit, too_much_lost
from chaoslab.evidence.timeline import exited, newest_boot, spawned, started_by
from chaoslab.evidence.waits import losses_of
from chaoslab.history.events import Bound, RestartDecided, Spawned
from chaoslab.history.journal import History
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App
from chaoslab.reason import Reason


def restart_wait_s(app: str, supervisor: Supervisor, history: History) -> float | None:
    """The seconds from the end of the app's newest boot to its restart. None if that boot runs, if
    the plan or the run's end stopped it, or if the supervisor does not restart it.
    """
    newest = newest_boot(history, app)
    ended = exited(history, app, newest.boot) if newest else None
    if newest is None or ended is None or ended.asked:
        return None
    if (decided := history.last_of_boot(RestartDecided, app, newest.boot)) is not None:
        return decided.wait_s
    lives = [
        Life(restart=boot.restart, ran_s=end.at_s - boot.at_s if end else 0.0)
        for boot in history.of(Spawned)
        if boot.app == app
        for end in (exited(history, app, boot.boot),)
    ]
    return wait_after(lives, ended.exit_code, supervisor, stopped=ended.supervisor is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of a process: whether a supervisor began it, and how long it ran."""

    restart: bool
    ran_s: float


def wait_after(
    lives: Sequence[Life], exit_code: int, supervisor: Supervisor, *, stopped: bool = False
) -> float | None:
    """The seconds from the end of the last of `lives`, those of one process, to its restart. None
    if the supervisor does not restart it. `stopped`: the supervisor itself had stopped it.
    """
    restarts = sum(life.restart for life in lives)
    if restarts >= supervisor.most_restarts or not supervisor.restarts(exit_code, stopped=stopped):
        return None
    row = 0  # restarts in a row; a life that was long enough begins a new one
    for life in lives:
        row = 0 if life.ran_s >= supervisor.reset_after_s else row + life.restart
    return supervisor.wait_s(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When and why a supervisor stops a boot that runs."""

    at_s: float
    why: Literal["not_live", "startup"]


def stop_due(app: App, boot: int, supervisor: Supervisor, history: History) -> Stop | None:
    """When and why a supervisor with liveness stops the boot, by the answers recorded so far. The
    time may be in the future: that of the start-up probe. None if it has no reason to.
    """
    begun = spawned(history, app.name, boot)
    if begun is None:
        return None
    probes = probes_of(app.name, boot, app.health, history)
    live = [probe for probe in probes if probe.path == "liveness"]
    first = next((number for number, probe in enumerate(live) if probe.good), None)
    if first is not None:
        at_s = _not_live_s(live[first:], supervisor, app.health.prober_failures)
        return None if at_s is None else Stop(at_s=at_s, why="not_live")
    if not live and history.first_of_boot(Bound, app.name, boot) is not None:
        return None  # it listens, and the lab has not asked
    return Stop(at_s=begun.at_s + supervisor.startup_probe_s, why="startup")


def _not_live_s(live: Sequence[Probe], supervisor: Supervisor, failures: int) -> float | None:
    """The time at which liveness has missed `failures` answers in a row. None if it has not."""
    row: list[Probe] = []
    for probe in live:
        if probe.good:
            row = []
        elif not row or probe.at_s >= max(
            row[-1].over_s - LATE_S, row[-1].at_s + supervisor.liveness_period_s
        ):
            row.append(probe)
        if len(row) == failures:
            return probe.over_s
    return None


def excuse_of_exit(name: str, boot: int, app: App, history: History) -> Reason | None:
    """The reason why the machine may be the cause of one boot's exit; None if it is not."""
    if why := starved_exit(name, boot, history):
        return why
    losses = list(losses_of(name, boot, history))
    limits = app.deadlines
    given = start_of(name, boot, limits.startup_s, limits.gives_up_s, history)
    if started_by(history, name, boot) is not None:  # a limit for the start is not the cause then
        reasons = (too_much_lost(g.span, losses, g.done_s) for g in given if not g.own)
    else:
        reasons = (lacked_time(each, losses) for each in given)
    return next(filter(None, reasons), None)
