"""Functions that make single events, or rows of events of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from chaoslab.history.events import (
    AnyEvent,
    AppSockets,
    CanaryProbe,
    CrossTalk,
    Delivered,
    Effect,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    HealthSample,
    LinkConnection,
    OwnSample,
    ProberSample,
    ReadBack,
    Ready,
    Request,
    RequestOutcome,
    RequestPurpose,
    RunEnded,
    ServerConnections,
    Spawned,
    StartupComplete,
    StartupSnapshot,
    Subscription,
    SubscriptionAccepted,
)
from chaoslab.model.health import HealthState

from .plans import BOTH, OUTAGE, PG, REDIS

HEALTHY, DEGRADED = HealthState.HEALTHY, HealthState.DEGRADED
UNHEALTHY, UNREACHABLE = HealthState.UNHEALTHY, HealthState.UNREACHABLE
_CODE = {HEALTHY: 200, DEGRADED: 200, UNHEALTHY: 503, UNREACHABLE: None}


TIMED = HealthSample | ProberSample | Request | OwnSample


def written_s(event: AnyEvent) -> float:
    """When an event is recorded: at the end of what it describes."""
    took_s = event.took_s if isinstance(event, TIMED) else 0.0
    return event.at_s + took_s


def sample(
    at_s: float,
    state: HealthState,
    *lost: str,
    took_s: float = 0.01,
    boot: int = 1,
    words: dict[str, str] | None = None,
) -> HealthSample:
    """A health sample that names the services in `lost` as down and the other ones as up."""
    return HealthSample(
        at_s=at_s,
        app="backend",
        boot=boot,
        took_s=took_s,
        state=state,
        status_code=_CODE[state],
        word=state.value,
        dependencies=words or {name: "down" if name in lost else "up" for name in BOTH},
        error="TimeoutError" if state is UNREACHABLE else None,
    )


def samples(
    start_s: float, end_s: float, state: HealthState, *lost: str, boot: int = 1
) -> list[HealthSample]:
    """Samples every 0.05 s from `start_s`, the last one sent before `end_s`."""
    count = round((end_s - start_s) / 0.05)
    return [sample(round(start_s + 0.05 * i, 3), state, *lost, boot=boot) for i in range(count)]


def write(
    at_s: float,
    op: str,
    outcome: RequestOutcome = "ok",
    *,
    purpose: RequestPurpose = "load",
    took_s: float = 0.02,
    code: int | None = 201,
    retry_after: bool = False,
    app: str = "backend",
) -> Request:
    return Request(
        at_s=at_s,
        app=app,
        op=op,
        outcome=outcome,
        took_s=took_s,
        status_code=code,
        retry_after=retry_after,
        purpose=purpose,
    )


def writes(
    start_s: float,
    end_s: float,
    outcome: RequestOutcome = "ok",
    *,
    took_s: float = 0.02,
    code: int | None = 201,
) -> list[Request]:
    """The load's writes, every 0.05 s from `start_s`, the last one sent before `end_s`."""
    count = round((end_s - start_s) / 0.05)
    times = [round(start_s + 0.05 * i, 3) for i in range(count)]
    polite = code == 503
    return [
        write(at_s, f"w{at_s:.2f}", outcome, took_s=took_s, code=code, retry_after=polite)
        for at_s in times
    ]


def job(at_s: float, op: str, outcome: RequestOutcome = "ok", app: str = "backend") -> Request:
    """A job that a load sent."""
    return replace(write(at_s, op, outcome, code=202, app=app), request="job", of_kind="job")


def delivered(at_s: float, op: str, not_before_s: float, times: int = 1) -> Delivered:
    """A job that a look found first."""
    return Delivered(
        at_s=at_s, app="backend", request="job", op=op, not_before_s=not_before_s, times=times
    )


def chat(at_s: float, user: str, op: str) -> list[AnyEvent]:
    """A job of this user, acknowledged, and delivered to the user 0.1 s after it was sent."""
    sent = replace(job(at_s, op), request="chat", user=user)
    return [sent, replace(delivered(at_s + 0.1, op, at_s + 0.1), request="chat")]


def subscribed(
    user: str, since_s: float, until_s: float | None = None, why: str = "the run ended"
) -> list[AnyEvent]:
    """A subscription of the lab as this user; without its end if `until_s` is None."""
    about = {"app": "backend", "request": "chat", "user": user}
    accepted = SubscriptionAccepted(at_s=since_s, **about)
    if until_s is None:
        return [accepted]
    return [accepted, Subscription(at_s=until_s, since_s=since_s, why=why, **about)]


def cross_talk(at_s: float, op: str, owner: str, user: str) -> CrossTalk:
    """An event of the owner's job that arrived at the user."""
    return CrossTalk(at_s=at_s, app="backend", request="chat", op=op, owner=owner, user=user)


def last_look(
    at_s: float, *found: str, missing: tuple[str, ...] = (), repeated: dict[str, int] | None = None
) -> ReadBack:
    """What is there of the jobs at the end."""
    looked = replace(back(at_s, *found, missing=missing), service="redis", request="job")
    return replace(looked, repeated=repeated or {})


def answered(
    start_s: float,
    end_s: float,
    outcome: RequestOutcome = "ok",
    *,
    code: int = 200,
    other: str = "",
) -> list[Request]:
    """The load's reads of the write `w1.10`, every 0.05 s. With an `other` id the answer is wrong,
    and has that id.
    """
    is_wrong = bool(other) or outcome == "wrong"
    return [
        replace(
            sent,
            op="w1.10",
            request="seen",
            of_kind="read",
            outcome="wrong" if is_wrong else outcome,
            wrong=f'id is "{other}", expected "w1.10"' if is_wrong else "",
            other=other,
        )
        for sent in writes(start_s, end_s, outcome, code=code)
    ]


def counted(at_s: float, count: int | None, service: str = "postgres") -> ServerConnections:
    return ServerConnections(at_s=at_s, service=service, count=count)


def back(at_s: float, *found: str, missing: tuple[str, ...] = (), app: str = "backend") -> ReadBack:
    return ReadBack(
        at_s=at_s, app=app, service="postgres", found=found, missing=missing, repeated={}
    )


def sockets(
    at_s: float,
    link: str,
    *,
    syn_sent: tuple[int, ...] = (),
    established: tuple[int, ...] = (),
    boot: int = 1,
) -> AppSockets:
    return AppSockets(
        at_s=at_s,
        app=link.partition(".")[0],
        boot=boot,
        link=link,
        syn_sent=syn_sent,
        established=established,
    )


def canary(
    at_s: float,
    link: str,
    outcome: Literal["answered", "refused", "connect_timeout", "silent"] = "connect_timeout",
    *,
    port: int | None = None,
    took_s: float = 0.1,
) -> CanaryProbe:
    return CanaryProbe(at_s=at_s, link=link, outcome=outcome, took_s=took_s, client_port=port)


def connection(
    link: str,
    port: int,
    *,
    fault: str = OUTAGE,
    read_s: float = 2.99,
    number: int = 1,
    opened_s: float = 1.0,
    closed_s: float | None = None,
    up: int = 0,
    down: int = 0,
    met: tuple[Effect, ...] = (),
    end: str | None = None,
    **heard: Any,
) -> LinkConnection:
    """One connection as the engine recorded it, read at `read_s` for `fault`."""
    return LinkConnection(
        at_s=read_s,
        link=link,
        fault=fault,
        connection=number,
        client_port=port,
        opened_s=opened_s,
        closed_s=closed_s,
        bytes_upstream=up,
        bytes_downstream=down,
        held_upstream=0,
        held_downstream=0,
        effects=met,
        end=end,
        **heard,
    )


def met(name: str, kind: str, count: int, *, stream: str = "upstream", goodbye: int = 0) -> Effect:
    return Effect(name=name, type=kind, stream=stream, bytes=count, goodbye=goodbye)


def spawned(at_s: float, boot: int = 1, app: str = "backend") -> Spawned:
    return Spawned(at_s=at_s, app=app, boot=boot, pid=100 + boot, port=8000, argv=("a",), env={})


def exited(
    at_s: float, *, code: int = 0, asked: bool = True, boot: int = 1, log: tuple[str, ...] = ()
) -> Exited:
    return Exited(at_s=at_s, app="backend", boot=boot, exit_code=code, asked=asked, log_tail=log)


def snapshot(at_s: float, **changed: Any) -> StartupSnapshot:
    phases = ("init", "database", "cache", "finalize")
    whole = StartupSnapshot(
        at_s=at_s,
        app="backend",
        boot=1,
        complete=True,
        failed=False,
        mode="emergency_degraded",
        completed_phases=phases,
        degraded_phases=("database", "cache"),
        failed_phases=(),
        phase_timings_s=dict.fromkeys(phases, 0.1),
    )
    return replace(whole, **changed)


def complete(at_s: float, state: HealthState, boot: int = 1) -> StartupComplete:
    return StartupComplete(at_s=at_s, app="backend", boot=boot, state=state)


def own(
    start_s: float, end_s: float, *, ok: bool = True, probe: str = "pay", error: str | None = None
) -> list[AnyEvent]:
    """Samples of a scenario's own probe, one each 0.1 s."""
    count = round((end_s - start_s) / 0.1)
    return [
        OwnSample(at_s=start_s + 0.1 * n, probe=probe, took_s=0.01, ok=ok, error=error)
        for n in range(count)
    ]


def probed(
    path: Literal["live", "ready"],
    start_s: float,
    end_s: float,
    code: int | None = 200,
    *,
    took_s: float = 0.01,
    boot: int = 1,
) -> list[ProberSample]:
    """Requests every 0.1 s from `start_s`, the last before `end_s`. Without a code: no answer."""
    return [
        ProberSample(
            at_s=round(start_s + 0.1 * i, 3),
            app="backend",
            boot=boot,
            path=path,
            took_s=took_s,
            status_code=code,
            error=None if code else "ReadTimeout",
        )
        for i in range(round((end_s - start_s) / 0.1))
    ]


def ready(at_s: float) -> Ready:
    return Ready(at_s=at_s, app="backend", boot=1)


def fault(
    label: str, requested_s: float, since_s: float, healing_s: float | None, healed_s: float | None
) -> list[AnyEvent]:
    """The events of one fault. Without `healing_s` it is never healed."""
    events: list[AnyEvent] = [
        FaultRequested(at_s=requested_s, fault=label, links=(PG, REDIS)),
        FaultInForce(at_s=since_s + 0.11, fault=label, since_s=since_s, seen="canary"),
    ]
    if healing_s is not None:
        events.append(FaultHealing(at_s=healing_s, fault=label, why="its time is over"))
    if healed_s is not None:
        events.append(FaultHealed(at_s=healed_s, fault=label))
    return events


def ended(at_s: float, *, settled: bool = True) -> RunEnded:
    why = "every expectation can be judged" if settled else "interrupted"
    return RunEnded(at_s=at_s, settled=settled, why=why)


def without(events: Iterable[AnyEvent], unwanted: Callable[[AnyEvent], bool]) -> list[AnyEvent]:
    """The events without those for which `unwanted` is true."""
    return [event for event in events if not unwanted(event)]


def of(*kinds: type) -> Callable[[AnyEvent], bool]:
    """Whether an event is of one of these types."""
    return lambda event: isinstance(event, kinds)


def between(start_s: float, end_s: float) -> Callable[[AnyEvent], bool]:
    """Whether an event is a health sample sent from `start_s` on and before `end_s`."""
    return lambda event: isinstance(event, HealthSample) and start_s <= event.at_s < end_s
