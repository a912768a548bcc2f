"""The progress lines of a scenario: one line for each important event."""

from __future__ import annotations

from chaoslab.evidence.reasons import unread
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultHealed,
    FaultInForce,
    FaultMissed,
    FirstAnswer,
    HealthTurned,
    HealthUnread,
    LabTrouble,
    LabUp,
    LeftRunning,
    LinkLeftDead,
    PathBypassed,
    Prepared,
    ProcessExited,
    ProcessSpawned,
    ReadBack,
    Ready,
    RestartDecided,
    Spawned,
    StartupComplete,
    StepDone,
    StopRequested,
    SupervisorStops,
    TriedOutside,
    UncountedOutside,
)
from chaoslab.printable import one_line
from chaoslab.verdicts.outside import tried


def line(event: AnyEvent) -> str | None:
    """The progress line of an event: its time and a few words.

    None for an event that is not printed.
    """
    words = _of_paths_and_processes(event) or _of_the_scenario(event) or _words(event)
    return None if words is None else f"  {event.at_s:7.3f} s  {one_line(words)}"


def _words(event: AnyEvent) -> str | None:
    match event:
        case LabUp() | LabTrouble() | Prepared():
            return _of_the_lab(event)
        case FaultInForce():
            return f"in force: {event.fault} ({event.seen})"
        case FaultHealed():
            return f"healed: {event.fault}"
        case FaultMissed():
            return f"MISSED: {event.fault}: {event.why}"
        case Spawned():
            return _spawned(event)
        case Bound():
            return f"{event.app} listens"
        case FirstAnswer():
            return f"{event.app} answers {event.status_code}"
        case StartupComplete():
            return f"{event.app} start-up complete, {event.state.value}"
        case Ready():
            return f"{event.app} is ready"
        case HealthTurned() | HealthUnread():
            return _health(event)
        case StopRequested() | Exited():
            return _end(event)
        case ReadBack():
            where = event.service or "answers of the app"
            return f"{len(event.found)} writes found in {where}, {len(event.missing)} missing"
    return None


def _health(event: HealthTurned | HealthUnread) -> str:
    if isinstance(event, HealthTurned):
        return f"{event.app} health: {event.state.value}"
    return f"{event.app} HEALTH NOT READ: {event.why or unread(event).text}"


def _end(event: StopRequested | Exited) -> str:
    if isinstance(event, StopRequested):
        return f"SIGTERM to {event.app}, SIGKILL after {event.grace_s:g} s"
    how = "stopped" if event.asked else "EXITED"
    if event.killed_after_s is not None:
        how = f"KILLED {event.killed_after_s:g} s after SIGTERM"
    return f"{event.app} {how}, code {event.exit_code}"


def _of_the_supervisor(event: SupervisorStops | RestartDecided) -> str:
    who = f"{event.app}'s supervisor"
    if isinstance(event, SupervisorStops):
        failed = "liveness failed" if event.why == "not_live" else "it did not start in time"
        return f"{who} stops it: {failed}"
    if event.wait_s is None:
        return f"{who} does not restart it, code {event.exit_code}"
    return f"{who} restarts it in {event.wait_s:g} s, code {event.exit_code}"


def _end_of_process(event: ProcessExited) -> str:
    how = "stopped" if event.asked else "EXITED"
    if event.killed_after_s is not None:
        how = f"KILLED {event.killed_after_s:g} s after SIGTERM"
    text = f"{event.app}'s process {event.process} {how}, code {event.exit_code}"
    return text if event.wait_s is None else f"{text}, restarted in {event.wait_s:g} s"


def _past_proxy(up: LabUp) -> tuple[str, ...]:
    how = {"prevented": "prevented by the network", "not observed": "not observed"}
    return (f"traffic past the proxy: {how[up.past_proxy]}",) if up.past_proxy in how else ()


def _of_paths_and_processes(event: AnyEvent) -> str | None:
    match event:
        case PathBypassed():
            who = f"pid {event.pid or 'unknown'} '{event.process}'"
            return f"PAST THE PROXY of {event.link}: {who} to {event.remote}"
        case TriedOutside():
            return f"OUTSIDE THE LAB: {tried(event).text}"
        case UncountedOutside():
            return f"OUTSIDE THE LAB: {event.packets} more packets"
        case LinkLeftDead():
            count = f"{event.connections} connection{'s' * (event.connections != 1)}"
            return f"left dead by the heal of {event.fault}: {count} of {event.link}"
        case LeftRunning():
            return f"LEFT RUNNING by {event.app}: pid {event.pid} '{event.process}'"
        case SupervisorStops() | RestartDecided():
            return _of_the_supervisor(event)
        case ProcessSpawned():
            return f"spawned: {event.app}, process {event.process}, pid {event.pid}"
        case ProcessExited():
            return _end_of_process(event)
    return None


def _of_the_scenario(event: AnyEvent) -> str | None:
    if not isinstance(event, StepDone):
        return None
    return f"step {event.step}: " + ("done" if event.ok else f"FAILED: {event.error}")


def _spawned(event: Spawned) -> str:
    if event.standing:
        return f"attached: {event.app}, port {event.port}"
    return f"spawned: {event.app}, boot {event.boot}, pid {event.pid}"


def _of_the_lab(event: LabUp | LabTrouble | Prepared) -> str:
    if isinstance(event, Prepared):
        how = "data restored" if event.restored else f"{event.took_s:.1f} s"
        return f"prepared: {event.app}, {how}"
    if isinstance(event, LabTrouble):
        return f"LAB FAILURE: {event.part}: {event.what}"
    versions = ", ".join(f"{k} {v}" for k, v in event.versions.items())
    return "; ".join((f"lab up: {versions}", *event.notes, *_past_proxy(event)))
