"""Recorded runs, judged again: the same verdicts, and UNKNOWN without their evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.evidence.timeline import end_s
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import AppSockets, LinkConnection, LinkDrops, ReadBack
from chaoslab.history.journal import History
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import Plan, written_out
from chaoslab.model.verdict import Verdict
from chaoslab.registry import kinds
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .events import of, without
from .histories import outcomes

RUNS = Path(__file__).parent.parent / "golden" / "runs"
NAMES = sorted(path.name for path in RUNS.iterdir())


def plan_of(folder: RunFolder) -> Plan:
    """The saved plan as `analyze` judges it."""
    return written_out(folder.plan(kinds()), folder.topology())


def judged(name: str, *without_kinds: type) -> tuple[Verdict, ...]:
    folder = RunFolder(RUNS / name)
    events = without(folder.history().events, of(*without_kinds))
    return judge(folder.topology(), plan_of(folder), History(tuple(events)))


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_still_passes(name: str) -> None:
    """Each run passed when it was recorded, on real servers."""
    assert set(outcomes(judged(name))) == {"PASS"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_without_its_evidence_is_unknown(name: str) -> None:
    """Nothing then shows that the fault affected the app."""
    told = judged(name, AppSockets, LinkConnection, LinkDrops)
    assert set(outcomes(told)) == {"UNKNOWN"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_cut_short_never_passes(name: str) -> None:
    """After every tenth event, and before the last."""
    folder = RunFolder(RUNS / name)
    topology, plan, events = folder.topology(), plan_of(folder), folder.history().events
    for keep in (*range(0, len(events), 10), len(events) - 1):
        assert "PASS" not in outcomes(judge(topology, plan, History(events[:keep])))


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_was_ended_no_earlier_than_everything_could_be_judged(name: str) -> None:
    """Settled at its end; not settled at its third event."""
    folder = RunFolder(RUNS / name)
    history, plan = folder.history(), plan_of(folder)
    assert unsettled(plan, history, end_s(history), folder.topology()) is None
    assert unsettled(plan, History(history.events[:3]), 0.1, folder.topology()) is not None


def test_the_second_of_two_outages_is_shown_by_its_own_evidence() -> None:
    """Evidence of the first outage does not count for the second."""
    folder = RunFolder(RUNS / "severed_twice")
    history = folder.history()
    (second_s,) = (
        e.at_s for e in history.events if e.kind == "fault_requested" and e.fault == "second"
    )
    seen = without(
        history.events,
        lambda e: (
            (isinstance(e, AppSockets) and e.at_s > second_s)
            or (isinstance(e, LinkConnection | LinkDrops) and e.fault == "second" and not _old(e))
        ),
    )
    kept = History(tuple(e for e in seen if not isinstance(e, LinkDrops)))
    topology, faults = folder.topology(), plan_of(folder).faults
    observed = [evidence_of(fault, topology, kept).observed for fault in faults]
    assert observed == [True, False]
    observed = [evidence_of(fault, topology, history).observed for fault in faults]
    assert observed == [True, True]


def _old(event: LinkConnection | LinkDrops) -> bool:
    """Whether a record is of the first outage and was over before the second."""
    return isinstance(event, LinkConnection) and event.closed_s is not None


def test_writes_that_were_never_looked_up_make_kept_unknown() -> None:
    """The lab did not read the database at the end."""
    verdicts = {v.name: v for v in judged("severed_under_requests", ReadBack)}
    assert verdicts["keeps_acknowledged"].outcome == "UNKNOWN"
    assert verdicts["recovers"].outcome == "UNKNOWN"
