"""What a plan expects, within which bounds; each kind is judged by one verdict function.

A bound left at None is taken from the app's deadlines or limits when the plan is resolved, so that
a saved plan is complete. `rests_on` names the faults that must be shown to have met the app for the
verdict to mean anything; None means every fault of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StartMode = Literal["normal", "degraded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Start-up completes within `within_s` of the spawn, every phase completed or degraded.

    `mode` is what health must say then: `normal` healthy, `degraded` degraded, None either. A start
    that is to be `normal` may say degraded first, and has all of `within_s` to become healthy.
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
    """The app exits with `exit_code` within `within_s` and its last words name each of `naming`.

    `cause`, where given, are words of which at least one must stand there too: what really
    happened to the path, not what the app made of it.
    """

    naming: tuple[str, ...]
    cause: tuple[str, ...] = ()
    within_s: float | None = None
    exit_code: int = 3
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["fails_fast"] = "fails_fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrades:
    """Health answers 200 degraded within `within_s` of the fault (or of the start-up's end, where
    that is later), names exactly the dependencies in `naming`, and stays so until the heal, or to
    the end of a boot that the plan replaces before it.
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
    """Within `within_s` of the last heal health is healthy and a write through the app is
    acknowledged, and found in the database itself; health stays healthy for `stable_s`, in the same
    process. Each fault that was healed needs a way back that was observed: by that write, or by
    health that was not healthy under the fault.

    `proved` asks for that write; None asks for it where the app declares how it writes.
    """

    within_s: float | None = None
    proved: bool | None = None
    stable_s: float | None = None
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["recovers"] = "recovers"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsAcknowledged:
    """Every write that the app acknowledged is found in the database itself at the end (the app's
    `kept_within_s` after its answer at the earliest), at least `at_least` were acknowledged, and no
    write is there twice (unless the app declares otherwise).
    """

    at_least: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["keeps_acknowledged"] = "keeps_acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusesHonestly:
    """Each write that the app answers with an error of its own (500 or more) gets 503 with
    Retry-After, and at least `at_least` do. 0 accepts that none is refused at all.
    """

    at_least: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["refuses_honestly"] = "refuses_honestly"


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
    state stays healthy if `healthy` is set: slow is not dead. The app may say degraded before its
    first healthy answer, within its deadline for the start-up.
    """

    healthy: bool = True
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["stays_available"] = "stays_available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """Once the app has said that it is ready, and while no fault is near, every write is
    acknowledged within `within_s`, and at least `at_least` are.

    In a plan with faults at least `after_heal` writes must come after the last heal and the app's
    `recovery_s`, half of them on connections of their own; so every fault needs a `stop`.
    """

    within_s: float = 1.0
    at_least: int = 10
    after_heal: int = 50
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["serves"] = "serves"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRestarts:
    """A supervisor that starts the app anew whenever it ends by itself has at most `at_most` times
    to do so. Needs a boot with `restarts`.
    """

    at_most: int = 0
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["no_restarts"] = "no_restarts"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysLive:
    """From its first answer on liveness answers 2xx within the prober's limit, whatever is down:
    never as many misses in a row as make the prober act.
    """

    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["stays_live"] = "stays_live"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersInTime:
    """Health and readiness answer, whatever they say, within the prober's limit from the first
    answer on: never as many too late in a row as make the prober act.
    """

    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["answers_in_time"] = "answers_in_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyWhenServing:
    """Readiness is true: not 2xx before start-up is complete, nor while users' writes are refused;
    2xx again once they are served. It may be wrong for `within_s` after each change.
    """

    within_s: float | None = None
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["ready_when_serving"] = "ready_when_serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesConnections:
    """Once it has recovered, the app has no more than `spare` connections on each server beyond
    those that it had while it was well before the fault, or beyond its declared `pool` where that
    is more, counted by the server itself. None takes `spare` from the app's limits.
    """

    spare: int | None = None
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["releases_connections"] = "releases_connections"


@dataclass(frozen=True, slots=True, kw_only=True)
class BacksOff:
    """While a fault holds the app tries each of its links at most `connects_per_s` times a second,
    and in no half second after the heal are there more than `herd` connects. Tries that are no more
    than the lab's own questions in that time fail nothing. None takes both from the app's limits.
    """

    connects_per_s: float | None = None
    herd: int | None = None
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["backs_off"] = "backs_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegainsLatency:
    """After its recovery the app's writes are as fast as before the fault: their distribution is
    compared with the baseline of the same run. `ratio` is how much slower the median may be.
    """

    ratio: float = 3.0
    at_least: int = 20
    boot: int = 1
    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: Literal["regains_latency"] = "regains_latency"


Expectation = (
    Starts
    | FailsFast
    | Degrades
    | Recovers
    | KeepsAcknowledged
    | RefusesHonestly
    | FirstRequestServed
    | StaysAvailable
    | Serves
    | NoRestarts
    | StaysLive
    | AnswersInTime
    | ReadyWhenServing
    | ReleasesConnections
    | BacksOff
    | RegainsLatency
)
