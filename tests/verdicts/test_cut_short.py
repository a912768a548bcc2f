"""Histories that end anywhere: no part of a good run fails, and no part of a bad run passes.

A run is *killed* after an event: open requests are missing, and there is no end. Or it is
*interrupted* at a time: open requests end, and the history says that the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from chaoslab.expectations import (
    KINDS,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    RunEnded,
)
from chaoslab.model.verdict import Outcome

from .cases import CASES, Case
from .events import (
    ended,
    exited,
    without,
    written_s,
)
from .histories import history_of

Cuts = Callable[[list[AnyEvent]], Iterator[list[AnyEvent]]]


def killed(events: list[AnyEvent]) -> Iterator[list[AnyEvent]]:
    """The history after each event, without an end."""
    ordered = list(history_of(events).events)
    for count in range(len(ordered)):
        if count == 0 or not isinstance(ordered[count - 1], RunEnded):
            yield ordered[:count]


def interrupted(events: list[AnyEvent]) -> Iterator[list[AnyEvent]]:
    """The history of a run that was interrupted at the time of each event."""
    whole = without(
        events, lambda e: isinstance(e, RunEnded) or (isinstance(e, Exited) and e.asked)
    )
    for at_s in sorted({e.at_s for e in whole}):
        kept = [e for e in whole if e.at_s <= at_s]
        over_s = max(map(written_s, kept))
        boot = max(getattr(e, "boot", 1) for e in kept)
        gone = any(isinstance(e, Exited) and e.boot == boot for e in kept)
        stopped = [] if gone else [exited(over_s + 0.01, boot=boot)]
        yield [*kept, *healed_at(at_s, kept), *stopped, ended(over_s + 0.02, settled=False)]


def healed_at(at_s: float, events: list[AnyEvent]) -> Iterator[AnyEvent]:
    """The lab heals its faults however the run ends."""
    healing = {e.fault for e in events if isinstance(e, FaultHealing)}
    for fault in {e.fault for e in events if isinstance(e, FaultInForce)} - healing:
        yield FaultHealing(at_s=at_s, fault=fault, why="the run ended")
        yield FaultHealed(at_s=at_s, fault=fault)


def test_every_expectation_has_its_runs() -> None:
    """A new expectation must be added here."""
    kinds = {type(case.expect) for case in CASES.values()}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_whole_runs_are_what_they_are_taken_for(case: Case) -> None:
    """The first passes, the others do not."""
    assert case.outcome(case.keeps) is Outcome.PASS
    for run in case.breaks:
        assert case.outcome(run) is not Outcome.PASS


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("how", [killed, interrupted], ids=["killed", "interrupted"])
def test_no_part_of_a_good_run_fails(case: Case, how: Cuts) -> None:
    """A missing part of the history is no fault of the app."""
    for part in how(case.keeps):
        at_s = max((e.at_s for e in part), default=0.0)
        assert case.outcome(part) is not Outcome.FAIL, f"cut at {at_s:.3f} s"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("how", [killed, interrupted], ids=["killed", "interrupted"])
def test_no_part_of_a_bad_run_passes(case: Case, how: Cuts) -> None:
    """What makes the run fail may come after the part."""
    for number, run in enumerate(case.breaks):
        for part in how(run):
            at_s = max((e.at_s for e in part), default=0.0)
            assert case.outcome(part) is not Outcome.PASS, f"run {number} cut at {at_s:.3f} s"
