"""Users' writes and the connections of a link, as several claims need them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from chaoslab.evidence.timeline import Span, answered_s, asked_s, exited, life, samples
from chaoslab.history.events import (
    CanaryProbe,
    FaultHealed,
    FaultRequested,
    LinkConnection,
    Ready,
    Request,
)
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.reason import Code, Scalar

IN_A_ROW = 3  # fewer slow answers in a row may be a short pause of the machine

NEVER_READY = Code(
    "app.never_ready",
    "the app was never observed ready",
    "In the life of that boot the readiness path gave no 2xx answer (or, for an app without that "
    "path, its start-up was never complete).",
)


def over_s(write: Request) -> float:
    """The time at which the write was over: it was answered, or its client stopped waiting for an
    answer.
    """
    return write.at_s + write.took_s


def load_requests(history: History, app: str, boot: int, request: str | None) -> list[Request]:
    """The loads' requests of one name to one boot, in the order in which they were sent.

    A request that was open when the lab stopped the app is left out.
    """
    lived, ended = life(history, app, boot), exited(history, app, boot)
    if lived is None:
        return []
    wanted = (app, request, "load")
    sent = (w for w in history.of(Request) if (w.app, w.request, w.purpose) == wanted)
    mine = [w for w in sent if lived.holds(w.at_s)]
    if ended is not None and ended.asked:
        mine = [w for w in mine if over_s(w) < ended.at_s]
    return sorted(mine, key=lambda w: w.at_s)


def ready_s(history: History, app: str, boot: int) -> float | None:
    """The time at which readiness first answered 2xx; for an app without a readiness path, at which
    its start-up was complete. None if the boot was never ready.
    """
    ready = history.first_of_boot(Ready, app, boot)
    return ready.at_s if ready else None


def well_s(history: History, app: str, boot: int) -> float | None:
    """The time at which the app was first observed ready or healthy. None if it never was.

    The lab asks readiness last, and users may be served before.
    """
    well = HealthState.HEALTHY
    times = [answered_s(s) for s in samples(history, app, boot) if s.state is well]
    ready = ready_s(history, app, boot)
    return min([*times, ready] if ready is not None else times, default=None)


def first_fault_s(history: History) -> float:
    """The time at which the first fault was requested or began. Infinite if there was none."""
    labels = {e.fault for e in history.of(FaultRequested)}
    return min((asked_s(history, label) for label in labels), default=math.inf)


def near_faults(history: History, after_s: float) -> list[Span]:
    """The spans in which a fault may affect the app: one for each fault, until `after_s` seconds
    after its heal.
    """
    healed_s = {h.fault: h.at_s for h in history.of(FaultHealed)}
    return [
        Span(start_s=asked_s(history, label), end_s=healed_s.get(label, math.inf) + after_s)
        for label in {e.fault: None for e in history.of(FaultRequested)}
    ]


def is_near(write: Request, near: Iterable[Span]) -> bool:
    """Whether the write was open in one of the spans `near`."""
    return any(w.start_s <= over_s(write) and write.at_s <= w.end_s for w in near)


def one_after_another(writes: Iterable[Request]) -> list[Request]:
    """The writes that a client would have sent if it waited for each answer before the next write.

    A short pause of the app delays every open write. Among these writes it counts once.
    """
    row: list[Request] = []
    for write in writes:
        if not row or write.at_s >= over_s(row[-1]):
            row.append(write)
    return row


def no_answer(write: Request) -> bool:
    """Whether the write got no answer, so that it is not known whether it is in the database."""
    return write.outcome == "indeterminate" and write.status_code is None


def response(write: Request) -> dict[str, Scalar]:
    """The result of a request as data of a reason: the status, the beginning of the answer, with
    what is wrong in it, and the client's error if there was no answer.
    """
    answer = write.answer
    if write.wrong:
        answer = f"{write.wrong}; the body begins: {answer}"
    return {"status_code": write.status_code, "answer": answer, "error": write.error}


def response_text(data: Mapping[str, Any]) -> str:
    """The result of a write as text, made from the data of a reason."""
    if data["status_code"] is None:
        return data["error"] or "no answer"
    return (
        f"{data['status_code']}: {data['answer']}" if data["answer"] else str(data["status_code"])
    )


def app_connections(history: History, link: str, fault: str) -> list[LinkConnection]:
    """The app's connections on a link as the engine recorded them for `fault` (empty: at the run's
    end), in the order in which they were opened. Canaries are left out, by their ports.
    """
    canaries = {c.client_port for c in history.of(CanaryProbe) if c.link == link}
    recorded = (c for c in history.of(LinkConnection) if (c.link, c.fault) == (link, fault))
    mine = {c.connection: c for c in recorded if c.client_port not in canaries}
    return sorted(mine.values(), key=lambda c: c.opened_s)


def engine_recorded(history: History, link: str, fault: str) -> bool:
    """Whether the engine recorded the link's connections for `fault` (empty: at the run's end).
    Canaries are always among its records.
    """
    return history.first(LinkConnection, lambda c: (c.link, c.fault) == (link, fault)) is not None


def most_within(times_s: list[float], window_s: float) -> int:
    """The largest number of the times `times_s` (in order) that are within one window of `window_s`
    seconds.
    """
    most, start = 0, 0
    for end, at_s in enumerate(times_s):
        while at_s - times_s[start] > window_s:
            start += 1
        most = max(most, end - start + 1)
    return most


def pauses(times_s: list[float]) -> list[float]:
    """The seconds from each time in `times_s` to the next."""
    return [b_s - a_s for a_s, b_s in pairwise(times_s)]
