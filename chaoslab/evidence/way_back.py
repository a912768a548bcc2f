"""What shows that an app uses a path again that a fault had cut, over all of its boots. Pure.

An app whose answers never changed is not shown to have come back: it may never use the path again.
So for each fault one of three is required: at its heal the app was not as in its steady state, and
is so again; a write was found in the service; or the service answered the app on the link after
the heal, by the proxy's records.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaoslab.evidence.back import is_as_before
from chaoslab.evidence.claim import OfApp
from chaoslab.evidence.every_boot import health_answers, requests_of, steady_health
from chaoslab.evidence.timeline import Span, answered_s, faults_begun_s
from chaoslab.evidence.traffic import app_connections, over_s
from chaoslab.evidence.writing import looked_up
from chaoslab.history.events import Exited, FaultHealed, FaultHealing, FaultRequested, Request
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.reason import Code, Reason

CHANGED = Code(
    "back.was_not_as_before",
    "at the heal of {fault} the app was not as before: {what}",
    "What was not as before the fault when its heal began, so that its return shows a recovery.",
    data=("at_s",),
)
FOUND = Code(
    "back.write_found",
    "write {op} was sent after the heal of {fault} and found in {service} itself",
    "The lab found a write of a load in the service to which the fault had cut the path.",
)
ANSWERED = Code(
    "back.service_answered",
    "{service} answered the app after the heal of {fault}, on {connections} of its connections",
    "The proxy recorded answers of the service to the app after the heal.",
)
NOT_SHOWN = Code(
    "back.way_not_shown",
    "at the heal of {fault} health and requests were as before, and nothing shows that the app"
    " reaches {services} again; fix: send a request that needs that service",
    "Health and requests were as before all along, no write was found in the service, and no record"
    " of the proxy shows an answer of the service to the app.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A fault that was healed, and that had cut the app's path to `services`. `under` is the time
    from its begin to the begin of its heal, which was over at `healed_s`: until then the app may
    exit because of it.

    `at_once`: the path returns before the heal, so anything since the begin counts. `alone`: no
    other fault can be the cause of what the app did in that time.
    """

    fault: str
    services: frozenset[str]
    under: Span
    healed_s: float
    at_once: bool
    alone: bool


def ways_back(
    e: OfApp, history: History, plan: Plan, names: Sequence[str], span: Span
) -> Iterator[tuple[bool, Reason]]:
    """Yields for each fault that was healed by the start of `span`, and had cut a path of the app,
    whether something shows that the app uses that path again, with the reason. `names` are the
    requests of loads.
    """
    for cut in _cuts(e, history, plan, span.start_s):
        shown = (*_changed(e, history, cut, names), *_found(e, history, cut))
        shown = shown or (*_answered(e, history, cut),)
        if shown:
            yield True, shown[0]
        else:
            yield False, NOT_SHOWN(fault=cut.fault, services=sorted(cut.services))


def _cuts(e: OfApp, history: History, plan: Plan, until_s: float) -> Iterator[_Cut]:
    begun = faults_begun_s(history)
    healed_s = {h.fault: h.at_s for h in history.of(FaultHealed)}
    healing_s = {h.fault: h.at_s for h in history.of(FaultHealing)}
    for label, services in _services(e, history).items():
        over_s = healed_s.get(label, math.inf)
        if over_s > until_s or label not in begun:
            continue
        under = Span(start_s=begun[label], end_s=healing_s.get(label, over_s))
        declared = plan.fault(label)
        yield _Cut(
            fault=label,
            services=services,
            under=under,
            healed_s=over_s,
            at_once=declared is not None and declared.path_returns_before_heal,
            alone=not any(
                other != label
                and at_s <= under.end_s
                and healed_s.get(other, math.inf) >= under.start_s
                for other, at_s in begun.items()
            ),
        )


def _services(e: OfApp, history: History) -> dict[str, frozenset[str]]:
    """Maps each fault that was requested to the services to which it cut the app's path; faults
    that cut none are left out.
    """
    cut: dict[str, frozenset[str]] = {}
    for asked in history.of(FaultRequested):
        links = (link.partition(".") for link in asked.links)
        if mine := frozenset(service for app, _, service in links if app == e.app):
            cut[asked.fault] = cut.get(asked.fault, frozenset()) | mine
    return cut


def _changed(e: OfApp, history: History, cut: _Cut, names: Sequence[str]) -> Iterator[Reason]:
    """Yields the reasons with what was not as before when the heal of the fault began."""
    if cut.alone:
        yield from _ended(e, history, cut)
        yield from _not_as_before(e, history, cut)
        for name in names:
            yield from _not_served(e, history, cut, name)


def _ended(e: OfApp, history: History, cut: _Cut) -> Iterator[Reason]:
    """Yields the reason that a process exited by itself, if health was not as before between that
    and the heal.
    """
    before = steady_health(e, history)
    good_s = [s.at_s for s in health_answers(e, history) if is_as_before(s, before)]
    for ended in history.of(Exited):
        if ended.app != e.app or ended.asked:
            continue
        if not cut.under.start_s <= ended.at_s <= cut.healed_s:
            continue
        until_s = cut.healed_s if ended.at_s > cut.under.end_s else cut.under.end_s
        if cut.at_once or not any(ended.at_s < at_s <= until_s for at_s in good_s):
            what = f"its process had exited with {ended.exit_code}"
            yield CHANGED(fault=cut.fault, what=what, at_s=ended.at_s)


def _not_as_before(e: OfApp, history: History, cut: _Cut) -> Iterator[Reason]:
    before, heard_s = steady_health(e, history), _heard_s(e, history)
    mine = [
        s
        for s in health_answers(e, history)
        if cut.under.holds(s.at_s) and _shows(s.status_code, s.at_s, answered_s(s), heard_s, cut)
    ]
    for sample in mine if cut.at_once else mine[-1:]:
        if not is_as_before(sample, before):
            what = f"health was {sample.state.value} ({_answer(sample.status_code)})"
            yield CHANGED(fault=cut.fault, what=what, at_s=sample.at_s)


def _not_served(e: OfApp, history: History, cut: _Cut, name: str) -> Iterator[Reason]:
    heard_s = _heard_s(e, history)
    mine = [
        r
        for r in requests_of(e, history, name)
        if cut.under.holds(r.at_s) and _shows(r.status_code, r.at_s, over_s(r), heard_s, cut)
    ]
    for request in mine if cut.at_once else mine[-1:]:
        if request.outcome != "ok":
            what = f"'{name}' failed ({_answer(request.status_code)})"
            yield CHANGED(fault=cut.fault, what=what, at_s=request.at_s)


def _heard_s(e: OfApp, history: History) -> float:
    """The time of the app's first answer: before it a question without an answer shows nothing."""
    answers = (answered_s(s) for s in health_answers(e, history) if s.status_code is not None)
    return min(answers, default=math.inf)


def _shows(status: int | None, sent_s: float, over_s: float, heard_s: float, cut: _Cut) -> bool:
    """Whether a question that was sent under the fault shows how the app was then: it was answered
    before the heal, or it got no answer although the app had answered before.
    """
    return sent_s >= heard_s if status is None else over_s <= cut.under.end_s


def _answer(status: int | None) -> str:
    return "no answer" if status is None else str(status)


def _found(e: OfApp, history: History, cut: _Cut) -> Iterator[Reason]:
    """Yields the reason that a write after the heal was found in a service of the path."""
    for request in history.of(Request):
        mine = (request.app, request.outcome, request.of_kind) == (e.app, "ok", "write")
        looked = looked_up(request, history) if mine and request.at_s >= cut.healed_s else None
        if looked and looked.service in cut.services and request.op in looked.found:
            yield FOUND(op=request.op, fault=cut.fault, service=looked.service)
            return


def _answered(e: OfApp, history: History, cut: _Cut) -> Iterator[Reason]:
    """Yields the reason that a service of the path answered the app after the heal, by the proxy's
    records at the end of the run: on a new connection, or on an older one that is still open. The
    answer to the last message of a connection that the app closes shows nothing.
    """
    healed_s = cut.healed_s
    for service in sorted(cut.services):
        count = sum(
            c.opened_s > healed_s or c.closed_s is None
            for c in app_connections(history, f"{e.app}.{service}", "")
            if c.answered_s is not None and c.answered_s > healed_s
        )
        if count:
            yield ANSWERED(service=service, fault=cut.fault, connections=count)
