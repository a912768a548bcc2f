"""Makes the reasons of a cell's sentence from its facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from chaoslab.behaviour.facts import Answers, Back, Facts
from chaoslab.behaviour.slower import slower
from chaoslab.behaviour.words import (
    ATTACHED,
    BACK,
    BACK_LATER,
    EXITS,
    EXITS_LATER,
    FEW_ANSWERS,
    KILLED,
    NOT_BACK,
    NOT_UP,
    PATH,
    PROCESS_EXITS,
    PROCESS_KILLED,
    PROCESS_STOPS,
    REPORTS_HEALTHY,
    REQUESTS,
    RESTARTED,
    SLOWER,
    STARTS,
    STOPS,
    UNAFFECTED,
    UP,
    WAITS,
    listed,
)
from chaoslab.model.cell import Cell
from chaoslab.reason import Reason

Phases = tuple[tuple[Reason, ...], ...]
ENOUGH = 3  # answers of each path and request, to say that nothing changed
APART_S = 1.0  # paths and requests that come back so much apart are named apart
REQUESTS_WORD = "requests"


def phases_of(
    cell: Cell, facts: Facts, missing: Reason | None, declared: Collection[str]
) -> Phases:
    """The reasons of each part of the cell's time. `missing` says that the fault was not observed
    to affect the app. `declared` are the names of the app's requests.
    """
    if cell.steady:
        start = [*_attached(facts)] or [*_starts(facts)] or [*_down(cell, facts)]
        phases = [[*start, *_answers(facts)], *_processes(facts), [*_stop(facts)]]
    elif cell.moment == "sigterm":
        bad = not all(each.all_good for each in facts.under)
        before = [*(_down(cell, facts) if facts.exits else _answers(facts) if bad else ())]
        phases = [[missing] if missing else [], before, *_processes(facts), [*_stop(facts)]]
    elif missing is not None and not facts.changed and not _down_at_boot(cell, facts):
        phases = [[*_started(facts)], [missing]]
    else:
        seen = [*_under_and_after(cell, facts, declared), *_processes(facts)]
        phases = [[missing] if missing else [], *seen]
    return tuple(tuple(phase) for phase in phases if phase)


def _under_and_after(cell: Cell, facts: Facts, declared: Collection[str]) -> list[list[Reason]]:
    after = list(_after(cell, facts))
    if facts.exits or _down_at_boot(cell, facts):
        return [[*_down(cell, facts), *after]]
    return [[*_started(facts), *_affected(facts, declared)], after]


def _down_at_boot(cell: Cell, facts: Facts) -> bool:
    """Whether the app did not complete a start while the fault was in force."""
    return cell.moment == "boot" and not facts.started_under_fault


def _down(cell: Cell, facts: Facts) -> Iterator[Reason]:
    starts = [each for each in facts.exits if each.complete_s is not None]
    started = starts[0] if starts and cell.moment == "boot" else None
    if facts.exits:
        first = started or facts.exits[0]
        if started is not None:
            yield STARTS(after_s=started.complete_s, state=started.state)
        yield EXITS(
            codes=list(dict.fromkeys(each.code for each in facts.exits)),
            after_s=first.after_s,
            since_fault_s=first.since_fault_s,
            since_start=first.since_fault_s is None or cell.moment == "boot",
            words=first.words,
            count=len(facts.exits),
            restarts=facts.restarts,
        )
    else:
        start = facts.start
        yield WAITS(
            listens=start is not None and start.listens_s is not None,
            last_status=start.last_status if start else None,
            held_s=facts.held_s,
        )
        yield from _requests(facts.waiting)
    if facts.exits and facts.restarts and not facts.later_exits:
        yield RESTARTED(count=facts.restarts)
    if started is None and cell.moment == "boot":  # the start of a running app was before the fault
        yield from _started(facts)


def _started(facts: Facts) -> Iterator[Reason]:
    if facts.started_under_fault:
        yield from _starts(facts)


def _attached(facts: Facts) -> Iterator[Reason]:
    if facts.start is not None and facts.start.attached:
        yield ATTACHED()


def _starts(facts: Facts) -> Iterator[Reason]:
    if facts.start is not None and facts.start.complete_s is not None:
        yield STARTS(after_s=facts.start.complete_s, state=facts.start.state)


def _affected(facts: Facts, declared: Collection[str]) -> Iterator[Reason]:
    if facts.changed:
        if facts.reports_healthy:
            yield REPORTS_HEALTHY()
        yield from _answers(facts)
        return
    answers = sum(each.total for each in facts.under if each.role == "health")
    sent = dict.fromkeys(declared, 0)
    sent |= {each.name: each.total for each in facts.under if each.role == "request"}
    requests = sum(sent.values())
    few = {name: total for name, total in sent.items() if total < ENOUGH}
    slow = list(slower(facts))
    if few or answers < ENOUGH:
        yield FEW_ANSWERS(
            answers=answers, requests=requests, few=list(few), counts=list(few.values())
        )
    elif slow:
        yield SLOWER(
            answers=answers,
            requests=requests,
            names=[_together(each.names, declared) for each in slow],
            slowest_s=[each.slowest_s for each in slow],
            before_s=[each.before_s for each in slow],
        )
    else:
        yield UNAFFECTED(answers=answers, requests=requests)


def _together(names: Sequence[str], declared: Collection[str]) -> str:
    """The names as one: `requests`, if they are those of all declared requests."""
    return REQUESTS_WORD if declared and set(names) == set(declared) else listed(names)


def _answers(facts: Facts) -> Iterator[Reason]:
    for each in facts.under:
        if each.role != "request":
            yield PATH(
                path=each.name,
                role=each.role,
                ways=list(each.ways),
                counts=list(each.ways.values()),
                settled=each.settled,
                settled_good=each.settled_good,
                after_s=each.settled_after_s,
                turns=each.turns,
                slowest_s=each.slowest_s,
            )
    yield from _requests([each for each in facts.under if each.role == "request"])


def _requests(requests: Sequence[Answers]) -> Iterator[Reason]:
    """How requests were answered: together those that were answered in the same ways."""
    groups: dict[tuple[str, ...], list[Answers]] = {}
    for each in requests:
        groups.setdefault(tuple(sorted(each.ways)), []).append(each)
    for group in groups.values():
        ways: Counter[str] = Counter()
        for each in group:
            ways.update(each.ways)
        yield REQUESTS(
            names=[each.name for each in group],
            named=len(groups) > 1,
            total=sum(each.total for each in group),
            ok=sum(each.good for each in group),
            ways=list(ways),
            counts=list(ways.values()),
            slowest_s=max(each.slowest_s for each in group),
        )


def _after(cell: Cell, facts: Facts) -> Iterator[Reason]:
    if facts.later_exits:
        last = facts.later_exits[-1]
        yield EXITS_LATER(
            code=last.code,
            words=last.words,
            count=len(facts.later_exits),
            again=bool(facts.exits),
        )
        if facts.restarts:
            yield RESTARTED(count=facts.restarts)
    ended = bool(facts.exits or facts.later_exits or _down_at_boot(cell, facts))
    down = ended and (bool(facts.later_exits) or not facts.started_under_fault)
    if facts.up_after_s is not None:
        yield UP(after_s=facts.up_after_s)
    elif down and facts.watched_s is not None:
        yield NOT_UP(watched_s=facts.watched_s)
        return
    yield from _back(facts, up_s=facts.up_after_s)


def _back(facts: Facts, *, up_s: float | None) -> Iterator[Reason]:
    """When the paths and requests that were away were as before again; those that came back with
    the start-up (`up_s`) are left out.
    """
    away = [each for each in facts.back if each.after_s != 0.0]
    lost = [each for each in away if each.after_s is None]
    if lost:
        all_lost = len(lost) == len(facts.back)
        yield NOT_BACK(names=[] if all_lost else _names(lost, facts), watched_s=facts.watched_s)
    came = [each for each in away if each.after_s is not None]
    if up_s is not None:
        came = [each for each in came if (each.after_s or 0.0) > up_s + APART_S]
    paths = [each for each in came if each.role != "request"]
    requests = [each for each in came if each.role == "request"]
    apart = paths and requests and abs(_last_s(paths) - _last_s(requests)) > APART_S
    if apart or up_s is not None or lost:
        for group in filter(None, (paths, requests)):
            yield BACK_LATER(names=_names(group, facts), after_s=_last_s(group))
    elif came:
        yield BACK(after_s=_last_s(came))


def _last_s(group: Sequence[Back]) -> float:
    return max(each.after_s or 0.0 for each in group)


def _names(group: Sequence[Back], facts: Facts) -> list[str]:
    """The names of a group: `requests`, if all requests are in it."""
    every = {each.name for each in facts.back if each.role == "request"}
    mine = {each.name for each in group if each.role == "request"}
    paths = [each.name for each in group if each.role != "request"]
    return paths + ([REQUESTS_WORD] if mine == every and mine else sorted(mine))


def _processes(facts: Facts) -> list[list[Reason]]:
    """The reasons of each further process that ended by itself."""
    return [
        [
            PROCESS_EXITS(
                process=each.name,
                codes=list(each.codes),
                after_s=each.first.after_s,
                since_fault_s=each.first.since_fault_s,
                words=each.first.words,
                count=each.count,
                restarts=each.restarts,
                runs_after_s=each.runs_after_s,
            )
        ]
        for each in facts.process_ends
    ]


def _stop(facts: Facts) -> Iterator[Reason]:
    if facts.stop is not None and facts.stop.killed_after_s is not None:
        yield KILLED(grace_s=facts.stop.killed_after_s)
    elif facts.stop is not None:
        yield STOPS(after_s=facts.stop.after_s, code=facts.stop.code)
    for name, stop in ((each.name, each.stop) for each in facts.process_stops):
        if stop.killed_after_s is not None:
            yield PROCESS_KILLED(process=name, grace_s=stop.killed_after_s)
        else:
            yield PROCESS_STOPS(process=name, after_s=stop.after_s, code=stop.code)
