"""Whether an app is healthy in its steady state; if not, why, for a user who may have declared it
wrongly. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoslab.behaviour.described import Behaviour, why_not_started
from chaoslab.behaviour.facts import Answers
from chaoslab.evidence.misread import MISREAD
from chaoslab.evidence.processes import own_exits, process_exited
from chaoslab.evidence.reasons import health_answer
from chaoslab.evidence.traffic import response, response_text
from chaoslab.history.events import Exited, HealthSample, Request
from chaoslab.history.journal import History
from chaoslab.model.topology import App
from chaoslab.reason import Code, Reason

Data = Mapping[str, Any]
LOG_LINES = 8  # of the app's last words
IN_A_ROW = 3  # a request that was good so often at the end is served
_FIX_HEALTH = "compare [apps.{app}.health] with what {path} answers"


def _request(data: Data) -> str:
    what = f"request '{data['request']}' ({data['method']} {data['path']})"
    return f"{what}: {data['bad']} of {data['total']} failed; the last one: {response_text(data)}"


NOT_HEALTHY = Code(
    "steady.not_healthy",
    "{path} is not healthy: {cause}",
    "The start-up was complete, and at the end of the steady state health was not healthy.",
)
REQUEST_FAILS = Code(
    "steady.request_fails",
    _request,
    "A declared request failed although no fault was injected: after it had been good, or too often"
    " at first. The last answer is that of the last one that failed.",
    data=(
        "request",
        "method",
        "path",
        "bad",
        "total",
        "status_code",
        "answer",
        "error",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an app is not healthy in its steady state: the reasons, the last lines of its log, and
    what to do. `after` is the name of the cell after whose heal the app was not as in its steady
    state again; empty if it was not healthy before any fault.
    """

    app: str
    because: tuple[Reason, ...]
    log: tuple[str, ...]
    fix: str
    after: str = ""


def problem_of(behaviour: Behaviour, app: App, history: History) -> Problem | None:
    """The problem of the app's steady state. None if it is healthy and serves every request."""
    log = _log(app.name, history)
    if not behaviour.known:
        fix = "run it again; if it occurs again, see `chaoslab doctor`"
        if any(line.data.get("cause") == MISREAD.name for line in behaviour.lines):
            fix = _FIX_HEALTH.format(app=app.name, path=app.health.path)
        return Problem(app=app.name, because=behaviour.lines, log=(), fix=fix)
    if why := why_not_started(app.name, history):
        because = _of_start(why, attached=_is_attached(behaviour))
        return Problem(app=app.name, because=because, log=log, fix=_fix_of_start(app, because))
    because = tuple(_wrong(behaviour, app, history))
    if not because:
        return None
    if ends := own_exits(app.name, history, 0.0):
        fix = (
            f"see its last words; [apps.{app.name}.processes] has commands that run as long as the "
            "app; one that ends by itself belongs in prepare"
        )
        log = ends[0].log_tail[-LOG_LINES:]
        return Problem(app=app.name, because=because, log=log, fix=fix)
    fix = f"compare [apps.{app.name}.health] and [apps.{app.name}.requests] with the app"
    return Problem(app=app.name, because=because, log=log, fix=fix)


def _is_attached(behaviour: Behaviour) -> bool:
    start = behaviour.facts.start
    return start is not None and start.attached


def _of_start(why: tuple[Reason, ...], *, attached: bool) -> tuple[Reason, ...]:
    """The reasons without the log, which is shown apart. Of an app that ran before the lab did, its
    last answer says more than that its start-up was not complete.
    """
    hidden = {"app.log_line", "start.answering"} if attached else {"app.log_line"}
    return tuple(reason for reason in why if reason.code not in hidden) or why[:1]


def _wrong(behaviour: Behaviour, app: App, history: History) -> Iterator[Reason]:
    yield from (process_exited(ended) for ended in own_exits(app.name, history, 0.0))
    for each in behaviour.facts.under:
        if each.role == "health" and not each.settled_good:
            last = history.last(HealthSample, lambda s: s.app == app.name)
            if last is not None:
                yield NOT_HEALTHY.because_of(health_answer(last), path=each.name)
        if each.role == "request" and not _served(each):
            yield _failing(each, app, history)


def _served(each: Answers) -> bool:
    """Whether a request may have failed at first, and was then good `IN_A_ROW` times, or as often
    as it had failed. One that fails now and then would be blamed on the faults later.
    """
    only_at_first = each.good == each.good_at_end
    return only_at_first and each.good >= min(IN_A_ROW, each.total - each.good)


def _failing(each: Answers, app: App, history: History) -> Reason:
    contract = app.requests[each.name]
    mine = (app.name, each.name, "load")
    last = history.last(
        Request, lambda r: (r.app, r.request, r.purpose) == mine and r.outcome != "ok"
    )
    seen = response(last) if last else {"status_code": None, "answer": None, "error": None}
    return REQUEST_FAILS(
        request=each.name,
        method=contract.method,
        path=contract.path,
        bad=each.total - each.good,
        total=each.total,
        **seen,
    )


def _fix_of_start(app: App, because: tuple[Reason, ...]) -> str:
    codes = {reason.code for reason in because}
    if "start.other_port" in codes:
        return f'let the app listen on {{port}}: [apps.{app.name}.env] PORT = "{{port}}"'
    if "start.exited" in codes:
        return f"see its last words; [apps.{app.name}] has its command and env"
    if "start.never_listened" in codes:
        return (
            f"let the app listen on {{host}} and {{port}}; if it needs longer, "
            f"raise startup_s in [apps.{app.name}.deadlines] ({app.deadlines.startup_s:g} s)"
        )
    return _FIX_HEALTH.format(app=app.name, path=app.health.path)


def _log(app: str, history: History) -> tuple[str, ...]:
    ended = history.last(Exited, lambda e: e.app == app)
    return ended.log_tail[-LOG_LINES:] if ended else ()
