"""How the lab stopped an app, and what claims about the time before it are judged by. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaoslab.history.events import (
    AnyEvent,
    Exited,
    HealthSample,
    HealthTurned,
    LossNamed,
    ProberSample,
    Request,
    StopRequested,
)
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason


def _killed(data: Mapping[str, Any]) -> str:
    who = f"boot {data['boot']} of {data['app']}"
    return f"{who} still ran {data['grace_s']:g} s after SIGTERM: the lab sent SIGKILL"


KILLED = Code(
    "app.killed",
    _killed,
    "The app's process still ran at the end of the grace period that the lab gave it, and the lab "
    "sent SIGKILL.",
    data=("app", "boot", "grace_s"),
)


def killed(ended: Exited) -> Reason | None:
    """The reason that the lab killed the process. None if it did not."""
    if ended.killed_after_s is None:
        return None
    return KILLED(app=ended.app, boot=ended.boot, grace_s=ended.killed_after_s)


def kills(app: str, history: History) -> Iterator[Reason]:
    """Yields a reason for each boot of the app that the lab killed."""
    for ended in history.of(Exited):
        if ended.app == app and (why := killed(ended)):
            yield why


def until_stop(history: History, app: str) -> History:
    """The history in which each boot of the app that the plan stops ends at the request to stop.

    What the app answered later, and how it ended, is left out: a platform sends a stopping app no
    more users, and asks no more about its health.
    """
    requests = {r.boot: r for r in history.of(StopRequested) if r.app == app}
    if not requests:
        return history
    ends = {x.boot: x for x in history.of(Exited) if x.app == app and x.boot in requests}
    kept: list[AnyEvent] = []
    for event in history.events:
        if isinstance(event, Exited) and event.app == app and event.boot in requests:
            continue
        if not _is_later(event, app, requests, ends):
            kept.append(event)
        if isinstance(event, StopRequested) and event.app == app and event.boot in ends:
            kept.append(replace(ends[event.boot], at_s=event.at_s))
    return History(tuple(kept))


def _is_later(
    event: AnyEvent,
    app: str,
    requests: Mapping[int, StopRequested],
    ends: Mapping[int, Exited],
) -> bool:
    """Whether the event is an answer of the app, or a change of its health, that came after the
    request to stop it.
    """
    match event:
        case HealthSample() | ProberSample():
            mine = requests.get(event.boot) if event.app == app else None
            return mine is not None and event.at_s + event.took_s >= mine.at_s
        case HealthTurned() | LossNamed():
            mine = requests.get(event.boot) if event.app == app else None
            return mine is not None and event.at_s >= mine.at_s
        case Request():
            return event.app == app and any(
                request.at_s <= event.at_s + event.took_s and event.at_s <= _end_s(boot, ends)
                for boot, request in requests.items()
            )
    return False


def _end_s(boot: int, ends: Mapping[int, Exited]) -> float:
    return ends[boot].at_s if boot in ends else math.inf
