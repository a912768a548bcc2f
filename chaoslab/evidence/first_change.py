"""The first observation that an app answers otherwise since a fault began, or has exited. Pure.

Each answer is compared with the last one before the fault. In a boot that had no good answer by
then, only what the app does `SETTLES_S` after it listened counts: a start-up may answer errors for
a moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chaoslab.evidence.processes import own_exits, process_exited
from chaoslab.evidence.reasons import health_answer, process_exit
from chaoslab.evidence.timeline import SERVING, answered_s
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.history.events import Bound, Exited, HealthSample, ProberSample, Request
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.reason import Code, Reason

SETTLES_S = 2.0
Found = Iterator[tuple[float, Reason]]  # when it was observed, and what


def _prober_text(data: Mapping[str, Any]) -> str:
    answer = data["error"] if data["status_code"] is None else f"answered {data['status_code']}"
    return f"the path for '{data['path']}': {answer}, asked at {data['at_s']:.3f} s"


PROBER = Code(
    "change.prober",
    _prober_text,
    "Liveness or readiness answered otherwise than before the fault.",
    data=("path", "status_code", "error", "at_s"),
)
REQUEST = Code(
    "change.request",
    lambda data: f"{data['request']}, sent at {data['at_s']:.3f} s: {response_text(data)}",
    "A request of a load got no good answer.",
    data=("request", "at_s", "status_code", "answer", "error"),
)


def first_change(history: History, app: str, since_s: float) -> Reason | None:
    """What the lab observed first of the app, from `since_s` on, that was not so before. None if
    nothing changed.
    """
    changes = (
        *_exits(history, app, since_s),
        *_of_health(history, app, since_s),
        *_of_probers(history, app, since_s),
        *_of_requests(history, app, since_s),
    )
    return min(changes, key=lambda change: change[0])[1] if changes else None


def _exits(history: History, app: str, since_s: float) -> Found:
    for ended in history.of(Exited):
        if ended.app == app and not ended.asked and ended.at_s >= since_s:
            yield ended.at_s, process_exit(ended)
    for process in own_exits(app, history, since_s):
        yield process.at_s, process_exited(process)


def _of_health(history: History, app: str, since_s: float) -> Found:
    before: dict[int, HealthSample] = {}
    for sample in history.of(HealthSample):
        if sample.app != app:
            continue
        if answered_s(sample) < since_s:
            before[sample.boot] = sample
            continue
        known = before.get(sample.boot)
        if known is not None and known.state in SERVING:
            changed = (sample.state, sample.status_code) != (known.state, known.status_code)
        else:
            not_healthy = sample.state is not HealthState.HEALTHY
            changed = not_healthy and _settled(history, app, sample.at_s)
        if changed:
            yield answered_s(sample), health_answer(sample)


def _of_probers(history: History, app: str, since_s: float) -> Found:
    before: dict[tuple[int, str], ProberSample] = {}
    for sample in history.of(ProberSample):
        if sample.app != app:
            continue
        over = sample.at_s + sample.took_s
        if over < since_s:
            before[sample.boot, sample.path] = sample
            continue
        known = before.get((sample.boot, sample.path))
        if known is not None and _is_2xx(known):
            changed = sample.status_code != known.status_code
        else:
            changed = not _is_2xx(sample) and _settled(history, app, sample.at_s)
        if changed:
            yield (
                over,
                PROBER(
                    path=sample.path,
                    status_code=sample.status_code,
                    error=sample.error,
                    at_s=sample.at_s,
                ),
            )


def _of_requests(history: History, app: str, since_s: float) -> Found:
    good = set[str | None]()
    for request in history.of(Request):
        if (request.app, request.purpose) != (app, "load"):
            continue
        if request.outcome == "ok":
            if over_s(request) < since_s:
                good.add(request.request)
        elif over_s(request) >= since_s and (
            request.request in good or _settled(history, app, request.at_s)
        ):
            what = REQUEST(request=request.request, at_s=request.at_s, **response(request))
            yield over_s(request), what


def _is_2xx(sample: ProberSample) -> bool:
    return sample.status_code is not None and 200 <= sample.status_code < 300


def _settled(history: History, app: str, at_s: float) -> bool:
    """Whether the app's newest boot had listened for `SETTLES_S` seconds at the time `at_s`."""
    bound = history.last(Bound, lambda b: b.app == app and b.at_s <= at_s)
    return at_s - (bound.at_s if bound else math.inf) >= SETTLES_S
