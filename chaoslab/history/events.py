"""Typed events: everything that a run can write down. `at_s` is seconds since the lab's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from chaoslab.model.health import HealthState
from chaoslab.model.sighting import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    at_s: float


PastProxy = Literal["detected", "prevented", "not observed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabUp(Event):
    """Services and proxies run and the path through each link was tried; took `took_s`.

    `disabled` names the fault that was disabled in this run, and how; empty where none was.
    `past_proxy` is what becomes of a connection past a link's proxy in this run: it is detected,
    the network prevents it, or it is not observed. Empty in runs of before.
    """

    took_s: float
    versions: Mapping[str, str]
    links: Mapping[str, str]
    notes: tuple[str, ...] = ()
    disabled: str = ""
    past_proxy: PastProxy | Literal[""] = ""
    kind: Literal["lab_up"] = "lab_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLag(Event):
    """The lab's own loop woke `late_s` seconds late; long lags make timings untrustworthy."""

    late_s: float
    kind: Literal["lab_lag"] = "lab_lag"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabTrouble(Event):
    """A part of the lab itself failed from `at_s` on, outside of every fault of the plan.

    `part` is who: `postgres`, `the proxy engine`, `the lab's own requests`. `what` says what was
    observed. `lasted_s` is how long it lasted, as far as that is known; None: it did not end, or it
    has no duration.
    """

    part: str
    what: str
    lasted_s: float | None = None
    kind: Literal["lab_trouble"] = "lab_trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned(Event):
    """An app's process was started; `boot` counts the app's boots from 1.

    `standing`: it ran already when the lab came, and nothing of its start-up or its end is seen.
    `restart`: not the plan but its supervisor started it, because the boot before ended by itself.
    """

    app: str
    boot: int
    pid: int
    port: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    standing: bool = False
    restart: bool = False
    kind: Literal["spawned"] = "spawned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(Event):
    """The app's port was first seen listening."""

    app: str
    boot: int
    kind: Literal["bound"] = "bound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening(Event):
    """The ports on which the app's processes listen, whichever they are; written on each change."""

    app: str
    boot: int
    ports: tuple[int, ...]
    kind: Literal["listening"] = "listening"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer(Event):
    """The first HTTP answer of any status."""

    app: str
    boot: int
    status_code: int
    kind: Literal["first_answer"] = "first_answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupSnapshot(Event):
    """What the app publishes of its start-up, taken when it completed, failed, or at the end."""

    app: str
    boot: int
    complete: bool
    failed: bool
    mode: str | None
    completed_phases: tuple[str, ...]
    degraded_phases: tuple[str, ...]
    failed_phases: tuple[str, ...]
    phase_timings_s: Mapping[str, float]
    kind: Literal["startup_snapshot"] = "startup_snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupComplete(Event):
    """Health first called the app healthy or degraded, and the start-up path, if any, said so."""

    app: str
    boot: int
    state: HealthState
    kind: Literal["startup_complete"] = "startup_complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Event):
    """The readiness path first answered 2xx."""

    app: str
    boot: int
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited(Event):
    """The app's process ended; `asked` is true where the lab stopped it."""

    app: str
    boot: int
    exit_code: int
    asked: bool
    log_tail: tuple[str, ...]
    kind: Literal["exited"] = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSample(Event):
    """One request to the health path on a connection of its own, sent at `at_s`.

    `dependencies` maps each dependency that the body names to the word it has for it. `error` says
    why there was no answer, or that the body was not readable.
    """

    app: str
    boot: int
    took_s: float
    state: HealthState
    status_code: int | None = None
    word: str | None = None
    dependencies: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    kind: Literal["health_sample"] = "health_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProberSample(Event):
    """One request to the liveness or readiness path on a connection of its own, sent at `at_s`.

    Without an answer `status_code` is None and `error` says why; `took_s` is how long it was
    waited for.
    """

    app: str
    boot: int
    path: Literal["live", "ready"]
    took_s: float
    status_code: int | None = None
    error: str | None = None
    kind: Literal["prober_sample"] = "prober_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsAsked(Event):
    """How many questions the lab asked one boot, by path, and how many of them were under way at
    once, at the most, over all paths: on one path never more than one. Written when the watch ends.
    """

    app: str
    boot: int
    asked: Mapping[str, int]
    most_under_way: int
    kind: Literal["questions_asked"] = "questions_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTurned(Event):
    """The state of health differs from the sample before; written by the health probe."""

    app: str
    boot: int
    state: HealthState
    kind: Literal["health_turned"] = "health_turned"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossNamed(Event):
    """Health names other dependencies as lost than in the sample before; empty is none."""

    app: str
    boot: int
    lost: tuple[str, ...]
    kind: Literal["loss_named"] = "loss_named"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRequested(Event):
    """A fault was asked for (or armed, where it waits for the engine's trigger)."""

    fault: str
    links: tuple[str, ...]
    armed: bool = False
    kind: Literal["fault_requested"] = "fault_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInForce(Event):
    """A canary of the lab's own saw the fault; `since_s` is when it began, at the latest."""

    fault: str
    since_s: float
    seen: str
    kind: Literal["fault_in_force"] = "fault_in_force"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealing(Event):
    """The lab begins to take the fault away."""

    fault: str
    why: str
    kind: Literal["fault_healing"] = "fault_healing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHealed(Event):
    """The fault is gone: read back from the proxy, and the service answers through the link."""

    fault: str
    kind: Literal["fault_healed"] = "fault_healed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultMissed(Event):
    """The fault never came, was not seen in force, or could not be healed."""

    fault: str
    why: str
    kind: Literal["fault_missed"] = "fault_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMissed(Event):
    """A moment for which the plan waited at `place`, as in `faults[0].stop` or `boots[1].at`, did
    not come: the boot or the load did not begin, the fault was healed without it. `moment` is what
    was waited for, in words.
    """

    place: str
    moment: str
    why: str
    kind: Literal["trigger_missed"] = "trigger_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryProbe(Event):
    """One try of the lab's own through a link; `client_port` is left out of all evidence."""

    link: str
    outcome: Outcome
    took_s: float
    client_port: int | None
    kind: Literal["canary_probe"] = "canary_probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSockets(Event):
    """The app's own sockets on a link as the kernel shows them; written when they change.

    Ports are the app's local ports, by state.
    """

    app: str
    boot: int
    link: str
    syn_sent: tuple[int, ...]
    established: tuple[int, ...]
    kind: Literal["app_sockets"] = "app_sockets"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBypassed(Event):
    """A connection to the server of a link that neither the link's proxy nor the lab opened.

    `boot` is 0 where the process is of no boot of an app, or not known; `pid` is 0 where the
    machine does not show who holds the connection. Written once for each connection and means:
    the sockets of the app's processes, or all connections to the server, whoever holds them.
    """

    app: str
    boot: int
    link: str
    pid: int
    process: str
    local_port: int
    remote: str
    seen: Literal["app sockets", "server connections"]
    kind: Literal["path_bypassed"] = "path_bypassed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRunning(Event):
    """A process of the app was alive after the app's own had ended. `ended`: the lab killed it."""

    app: str
    boot: int
    pid: int
    process: str
    ended: bool
    kind: Literal["left_running"] = "left_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What one toxic or connect-phase mode did to one connection; of its bytes `goodbye` were
    nothing but the client's last message.
    """

    name: str
    type: str
    stream: str
    bytes: int
    goodbye: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConnection(Event):
    """One connection as the engine saw it, read at `at_s` for `fault`; at the end for none.

    `asked_s` is when the app last sent anything but its last message, `answered_s` when the service
    last sent anything, `dismissed_s` when the service sent that it ends the connection; `ending` is
    which side ended first, at `ending_s`. Absent from runs saved before these were recorded.
    """

    link: str
    fault: str
    connection: int
    client_port: int
    opened_s: float
    closed_s: float | None
    bytes_upstream: int
    bytes_downstream: int
    held_upstream: int
    held_downstream: int
    met: tuple[Met, ...]
    end: str | None
    asked_s: float | None = None
    answered_s: float | None = None
    dismissed_s: float | None = None
    ending: str | None = None
    ending_s: float | None = None
    kind: Literal["link_connection"] = "link_connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDrops(Event):
    """SYNs that the kernel dropped at the link's socket for `fault`, canaries included."""

    link: str
    fault: str
    syn_drops: int
    kind: Literal["link_drops"] = "link_drops"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPackets(Event):
    """What the kernel has counted at the link's port so far, canaries left out: read when `fault`
    was seen in force, and again just before its heal; at the run's end for none.

    `syns` and `bytes_*` (with headers) are what arrived or left; `packets_dropped` are those of
    established connections; `resets` were sent to the app.
    """

    link: str
    fault: str
    syns: int
    syns_dropped: int
    packets_dropped: int
    bytes_up: int
    bytes_down: int
    resets: int
    kind: Literal["link_packets"] = "link_packets"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMetered(Event):
    """Bytes on the connections of a link's proxy that have ended so far, by the proxy's own
    metrics: read before `fault` begins and again before its heal. No canary is among them.
    """

    link: str
    fault: str
    ended_bytes: int
    kind: Literal["link_metered"] = "link_metered"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSessions(Event):
    """The sessions that come through a link's proxy, as the server itself shows them: its own
    numbers, written down first and whenever they change; the lab's own are left out.
    """

    link: str
    sessions: tuple[int, ...]
    kind: Literal["link_sessions"] = "link_sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConnections(Event):
    """The clients' connections that a server itself counts, the lab's own left out; None where it
    could not be asked. Written first and on each change.
    """

    service: str
    count: int | None
    kind: Literal["server_connections"] = "server_connections"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStarved(Event):
    """In the last `over_s` seconds the app was ready to run and waited for a core for `waited_s` of
    them, by the kernel's own accounts; written where that is more than some milliseconds.
    """

    app: str
    boot: int
    waited_s: float
    over_s: float
    kind: Literal["app_starved"] = "app_starved"


WriteOutcome = Literal["ok", "failed", "indeterminate"]
WritePurpose = Literal["load", "proof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Event):
    """One write through the app, sent at `at_s`. `ok`: acknowledged; `failed`: refused by an
    answer; `indeterminate`: no answer, so it may or may not be kept. `said` is the beginning of
    the body of an answer that was no acknowledgement. `fresh`: it was sent on a connection that
    was opened for it, and not on one that was kept alive.
    """

    app: str
    op: str
    outcome: WriteOutcome
    took_s: float
    status_code: int | None = None
    retry_after: bool = False
    error: str | None = None
    said: str | None = None
    purpose: WritePurpose = "load"
    fresh: bool = True
    kind: Literal["write"] = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack(Event):
    """What was found of an app's writes in the database itself, past every proxy, by a look that
    began at `at_s`. `repeated` tells of each id that is there more than once how often it is; None
    in runs saved before rows were counted.
    """

    app: str
    service: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    repeated: Mapping[str, int] | None = None
    kind: Literal["read_back"] = "read_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(Event):
    """A step of the scenario's own, begun at `at_s`. `error` says why it is not `ok`: it raised, or
    did not end in its time.
    """

    step: str
    took_s: float
    ok: bool
    error: str | None = None
    kind: Literal["step_done"] = "step_done"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSample(Event):
    """One question of a probe of the scenario's own, asked at `at_s`.

    `value` is what its callable returned, or the beginning of the answer's body. `app` and `boot`
    are of whom a request asked; empty and 0 for a callable, and for a URL of others.
    """

    probe: str
    took_s: float
    ok: bool
    app: str = ""
    boot: int = 0
    status_code: int | None = None
    value: str | int | float | bool | None = None
    error: str | None = None
    kind: Literal["own_sample"] = "own_sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCrashed(Event):
    """A probe of the lab raised; what it should have watched is unknown."""

    probe: str
    error: str
    kind: Literal["probe_crashed"] = "probe_crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The last event. `settled`: every expectation could be judged; `why` says what ended it."""

    settled: bool
    why: str
    kind: Literal["run_ended"] = "run_ended"


AnyEvent = Annotated[
    LabUp
    | LabLag
    | LabTrouble
    | Spawned
    | Bound
    | Listening
    | FirstAnswer
    | StartupSnapshot
    | StartupComplete
    | Ready
    | Exited
    | HealthSample
    | ProberSample
    | QuestionsAsked
    | HealthTurned
    | LossNamed
    | FaultRequested
    | FaultInForce
    | FaultHealing
    | FaultHealed
    | FaultMissed
    | TriggerMissed
    | CanaryProbe
    | AppSockets
    | PathBypassed
    | LeftRunning
    | LinkConnection
    | LinkDrops
    | LinkPackets
    | LinkMetered
    | LinkSessions
    | ServerConnections
    | AppStarved
    | Write
    | ReadBack
    | StepDone
    | OwnSample
    | ProbeCrashed
    | RunEnded,
    Field(discriminator="kind"),
]
