"""A settled run always has enough observations for its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaoslab import Severed, Stopped
from chaoslab.expectations import (
    AnswersInTime,
    Expectation,
    Recovers,
    ReleasesConnections,
    StaysAvailable,
    StaysLive,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FirstAnswer,
    HealthSample,
    ProberSample,
    RunEnded,
)
from chaoslab.model.load import Sampling
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .events import HEALTHY, ended, exited, probed, sample, written_s
from .histories import good, healthy_run, history_of, stopped_under_load
from .plans import TOPOLOGY, plan_of

PACES = [(0.05, 0.01), (0.25, 0.01), (0.25, 0.9), (1.0, 0.01)]
FIRST = FirstAnswer(at_s=0.9, app="backend", boot=1, status_code=200)
PROBED = [
    FIRST,
    *healthy_run(6.0),
    *(p for path in ("live", "ready") for p in probed(path, 0.9, 6.0)),  # type: ignore[arg-type]
]
RUNS: dict[str, tuple[Expectation, list[AnyEvent]]] = {
    "recovers": (Recovers(proved=False, rests_on=()), good()),
    "recovers late": (Recovers(proved=False, stable_s=0.2), good()),
    "available": (StaysAvailable(rests_on=()), PROBED),
    "live": (StaysLive(rests_on=()), PROBED),
    "prober": (AnswersInTime(rests_on=()), PROBED),
    "connections": (ReleasesConnections(spare=2), stopped_under_load()),
}


def thinned(events: list[AnyEvent], each_s: float, took_s: float) -> list[AnyEvent]:
    """The same run, asked each `each_s` alone, and answered only after `took_s`; it goes on."""
    kept: list[AnyEvent] = []
    last: dict[str, float] = {}
    for event in sorted(events, key=lambda e: e.at_s):
        if isinstance(event, Exited | RunEnded):
            continue
        if isinstance(event, HealthSample | ProberSample):
            path = event.path if isinstance(event, ProberSample) else "health"
            if event.at_s < last.get(path, -9.0) + max(each_s, took_s):
                continue
            last[path] = event.at_s
            kept.append(replace(event, took_s=took_s))
        else:
            kept.append(event)
    begin_s, pause_s = last["health"], max(each_s, took_s)
    more = (sample(begin_s + n * pause_s, HEALTHY, took_s=took_s) for n in range(1, 9))
    return [*kept, *more]


def as_it_stood(events: list[AnyEvent], now_s: float) -> list[AnyEvent]:
    return [event for event in events if written_s(event) <= now_s]


def settled_at(
    e: Expectation, events: list[AnyEvent], sampling: Sampling
) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Each time at which the run could have ended, and why its verdict is UNKNOWN then."""
    faults = {
        Recovers: (Severed(target="vpc"),),
        ReleasesConnections: (Stopped(target="postgres"),),
    }
    plan = plan_of(e, faults=faults.get(type(e), ()))
    plan = replace(plan, sampling=sampling)
    for tick in range(20, 240):
        now_s = tick * 0.05
        seen = as_it_stood(events, now_s)
        if unsettled(plan, history_of(seen), now_s, TOPOLOGY) is None:
            whole = [*seen, exited(now_s + 0.01), ended(now_s + 0.02)]
            (verdict,) = judge(TOPOLOGY, plan, history_of(whole))
            yield now_s, verdict.texts if verdict.outcome == "UNKNOWN" else ()


@pytest.mark.parametrize(("e", "events"), RUNS.values(), ids=RUNS)
@pytest.mark.parametrize(
    ("each_s", "took_s"), [(0.05, 0.01), (0.25, 0.01), (0.25, 0.9), (1.0, 0.01)]
)
def test_a_settled_run_has_seen_enough(
    e: Expectation, events: list[AnyEvent], each_s: float, took_s: float
) -> None:
    """With any cadence of requests, and any duration of answers."""
    sampling = Sampling(cadence_s=each_s, prober_cadence_s=max(each_s, 0.1))
    run = thinned(events, each_s, took_s)
    ends = list(settled_at(e, run, sampling))
    assert ends, "the run could never have ended"
    for now_s, because in ends:
        little = [why for why in because[:2] if " only " in why or "was asked" in why]
        assert not little, (now_s, because)
