"""A boot that the plan replaces is judged in its own time: to its end, and by its own heals."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import Degrades, Recovers, StaysAvailable
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    QuestionsAsked,
    ReadBack,
    Request,
    RunEnded,
)
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    back,
    between,
    complete,
    ended,
    exited,
    fault,
    of,
    samples,
    spawned,
    without,
    write,
)
from .histories import good, healthy_run, run_of
from .plans import BOTH, OUTAGE, plan_of
from .reading import codes, data


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def replaced_at(at_s: float, events: list[AnyEvent], *, end_s: float = 9.0) -> list[AnyEvent]:
    """These events up to then, when a second boot takes the first one's place."""
    kept = [e for e in events if e.at_s < at_s and not isinstance(e, RunEnded | Exited)]
    again = [spawned(at_s + 0.1, boot=2), exited(end_s, boot=2), ended(end_s + 0.1)]
    return [*kept, exited(at_s), *again]


def outage_until(healing_s: float) -> list[AnyEvent]:
    """The good run, degraded from 2.0 on, under an outage of that length."""
    lost = fault(OUTAGE, 0.2, 0.21, healing_s, healing_s + 0.02)
    events = [e for e in good() if getattr(e, "fault", "") != OUTAGE]
    events = without(events, between(2.0, 99.0))
    return [*events, *lost, *samples(2.0, healing_s, DEGRADED, *BOTH)]


def degraded(events: list[AnyEvent]) -> Verdict:
    e = Degrades(naming=BOTH, app="backend", within_s=1.0, fault=OUTAGE)
    return e.judged(run_of(events, Plan()))


def heal(at_s: float) -> list[AnyEvent]:
    """The outage's own end, which comes after the first boot's."""
    return [
        FaultHealing(at_s=at_s, fault=OUTAGE, why="its time is over"),
        FaultHealed(at_s=at_s + 0.02, fault=OUTAGE),
    ]


def test_a_boot_replaced_under_the_fault_is_judged_to_its_end() -> None:
    """Degraded from 2.0 to 4.0, when it was replaced; the fault went on to 7.0."""
    verdict = degraded([*replaced_at(4.0, outage_until(7.0)), *heal(7.0)])
    assert verdict.outcome == "PASS"
    assert "judged until the plan ended boot 1 at 4.000 s, before the heal" in why(verdict)


def test_what_it_said_wrongly_before_its_end_still_fails() -> None:
    """Healthy in its last second, with the fault in force."""
    lied = [*without(outage_until(7.0), between(3.0, 9.0)), *samples(3.0, 4.0, HEALTHY)]
    assert degraded([*replaced_at(4.0, lied), *heal(7.0)]).outcome == "FAIL"


def test_a_boot_replaced_before_its_time_to_degrade_is_unknown() -> None:
    """Healthy for half a second of the 1 s in which it has to turn; or not yet complete."""
    slow = [*without(outage_until(7.0), between(2.0, 9.0)), *samples(2.0, 2.5, HEALTHY)]
    assert degraded([*replaced_at(2.5, slow), *heal(7.0)]).outcome == "UNKNOWN"
    never = without(replaced_at(1.9, outage_until(7.0)), lambda e: e.kind == "startup_complete")
    verdict = degraded([*never, *heal(7.0)])
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "fault.over_before_start")


def test_a_boot_replaced_before_the_fault_is_unknown() -> None:
    """It never met it."""
    lost = fault(OUTAGE, 5.0, 5.01, 7.0, 7.02)
    verdict = degraded([*replaced_at(3.0, healthy_run(3.0)), *lost])
    assert (verdict.outcome, "at 3.000 s, before the fault" in why(verdict)) == ("UNKNOWN", True)


def test_a_boot_that_the_lab_stops_at_the_runs_end_is_not_replaced() -> None:
    """Then the run was cut short of the heal."""
    events = [e for e in outage_until(7.0) if e.at_s < 4.0]
    verdict = degraded([*events, exited(4.0), *heal(4.0), ended(4.1, settled=False)])
    assert verdict.outcome == "UNKNOWN"


def test_availability_of_a_replaced_boot_ends_with_it() -> None:
    """The silence after it is the next boot's."""
    e = StaysAvailable(app="backend")
    events = replaced_at(3.0, healthy_run(3.0))
    assert e.judged(run_of(events, Plan())).outcome == "PASS"


SECOND = "second"


def twice(replaced_s: float, *, healed_s: float = 8.0) -> list[AnyEvent]:
    """A read of the database that found each of these ids so often."""
    events = without(good(), of(Exited, RunEnded))
    events += [*samples(4.1, 4.6, HEALTHY), *samples(4.6, replaced_s, DEGRADED, *BOTH)]
    again = fault(SECOND, 4.5, 4.51, healed_s, healed_s + 0.02)
    begun = [e for e in again if e.at_s < replaced_s]
    return [*replaced_at(replaced_s, [*events, *begun]), *(e for e in again if e not in begun)]


def recovered(events: list[AnyEvent], boot: int = 1) -> Verdict:
    e = Recovers(app="backend", within_s=1.0, stable_s=0.4, proved=True, boot=boot)
    return e.judged(run_of(events, Plan()))


def test_a_replaced_boot_recovers_from_the_last_heal_of_its_own_time() -> None:
    """From the first fault, healed at 3.02; under the second it was replaced at 6.0."""
    verdict = recovered(twice(6.0))
    assert verdict.outcome == "PASS"
    assert "healthy 0.390 s after the heal at 3.020 s" in why(verdict)


def test_a_boot_replaced_before_any_heal_is_unknown() -> None:
    """There was nothing to recover from in its time, and the reasons say so."""
    verdict = recovered([*replaced_at(2.9, outage_until(7.0)), *heal(7.0)])
    assert verdict.outcome == "UNKNOWN"
    assert codes(verdict) == ["recovery.no_heal", "app.replaced"]
    assert "the plan ended boot 1 at 2.900 s" in why(verdict)


def test_a_heal_under_another_fault_is_nothing_to_recover_from() -> None:
    """The second fault began before the first was healed, and outlasted the boot."""
    events = [e for e in twice(6.0) if getattr(e, "fault", "") != SECOND]
    overlapping = fault(SECOND, 2.0, 2.01, 8.0, 8.02)
    verdict = recovered([*events, *overlapping])
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, "recovery.fault_in_force") == {"fault": SECOND, "healed_s": 3.02}


def test_a_boot_replaced_too_soon_after_its_recovery_is_unknown() -> None:
    """Healthy for 0.2 s of the 0.4 s."""
    events = replaced_at(3.6, without(good(), lambda e: e.at_s >= 3.6))
    verdict = recovered([*events, back(3.55, "proof-1")])
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, "recovery.watched_shortly")["required_s"] == 0.4
    assert "the plan ended boot 1 at 3.600 s" in why(verdict)


def test_nothing_more_is_waited_for_once_a_boot_was_replaced() -> None:
    """Its recovery can be judged as well as it ever will."""
    e = Recovers(app="backend", within_s=1.0, stable_s=0.4, proved=True)
    plan = plan_of(replace(e, boot=1))
    events = [x for x in twice(6.0) if x.at_s <= 6.2]
    assert e.waits_for(run_of(events, plan), 6.2) is None


def test_a_second_boot_spawned_after_the_last_heal_is_not_waited_for() -> None:
    """Without a heal in its time it never will have one."""
    e = Recovers(app="backend", within_s=1.0, stable_s=0.4, proved=True, boot=2)
    events = [*replaced_at(5.0, good()), complete(5.5, HEALTHY, boot=2)]
    known = [x for x in events if x.at_s < 6.0]
    assert e.waits_for(run_of(known, plan_of(e)), 6.0) is None
    verdict = e.judged(run_of(known, Plan()))
    assert (verdict.outcome, codes(verdict)) == ("UNKNOWN", ["recovery.no_heal"])


def test_a_proof_after_the_next_fault_began_proves_nothing_of_the_first() -> None:
    """The first write was acknowledged at 4.8, under the second fault."""
    events = without(twice(6.0), lambda e: e.kind in ("request", "read_back"))
    late = [write(4.8, "late", purpose="proof"), back(4.9, "late")]
    assert recovered([*events, *late]).outcome == "UNKNOWN"


def test_a_write_is_not_missed_once_the_next_fault_has_begun() -> None:
    """Refused at 3.5, due at 5.02, and cut off again from 4.5 on: nobody knows of the time left."""
    events = without(twice(6.0), of(Request, ReadBack))
    events += [write(3.5, "no", "failed", purpose="proof", code=503)]
    e = Recovers(app="backend", within_s=2.0, stable_s=0.4, proved=True)
    verdict = e.judged(run_of(events, Plan()))
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, "bound.not_reached") == {"until_s": 4.5, "bound_s": 5.02}


def test_the_time_that_a_replaced_boot_takes_to_end_is_no_silence() -> None:
    """Its questions end at 4.0, and its process at 6.0: the lab asked it nothing in between."""
    counts = QuestionsAsked(at_s=4.0, app="backend", boot=1, asked={"health": 60}, most_under_way=1)
    slow = [e for e in replaced_at(6.0, outage_until(7.0)) if not between(4.0, 6.0)(e)]
    assert degraded([*slow, *heal(7.0)]).outcome == "UNKNOWN"
    verdict = degraded([*slow, counts, *heal(7.0)])
    assert verdict.outcome == "PASS"
    assert "judged until the plan ended boot 1 at 4.000 s, before the heal" in why(verdict)
