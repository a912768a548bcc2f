"""Nothing is accepted that the same histories would fail as a gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rigs.cell_histories import (
    AT_BOOT_S,
    all_well,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    health,
    live,
    topology,
    up,
)

from chaoslab.history.events import AnyEvent, LinkPackets
from chaoslab.matrix.accept import Accepted, accepted
from chaoslab.matrix.deadlines import with_observed
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthState
from chaoslab.model.policy import Policies
from chaoslab.model.topology import Deadlines, Topology
from chaoslab.model.verdict import Outcome

from .rig import AT_BOOT, RUNNING, STEADY, down, histories, judged_run

DEGRADED, UNHEALTHY = HealthState.DEGRADED, HealthState.UNHEALTHY
DROPPED = cell("dropped", "running")
HEAL_S, END_S = 10.0, 16.0  # the usual hold of a fault
BEFORE = [*up(), *all_well(1.6, 3.0)]
Events = Iterable[AnyEvent]


def shop(**deadlines: float) -> Topology:
    web = replace(topology().apps["web"], deadlines=Deadlines(**deadlines))
    return replace(topology(), apps={"web": web})


def outage(
    start_s: float = 3.0, heal_s: float = HEAL_S, *, dropped: bool = False
) -> list[AnyEvent]:
    """The fault, which reached three connects of the app."""

    def counted(at_s: float, connects: int) -> LinkPackets:
        lost = connects if dropped else 0
        return LinkPackets(
            at_s=at_s,
            fault="fault",
            link="web.postgres",
            syns=connects,
            resets=connects - lost,
            syns_dropped=lost,
            packets_dropped=lost,
            bytes_up=0,
            bytes_down=0,
        )

    counts = [counted(start_s, 0), counted(heal_s - 0.15, 3)]
    return [*fault(start_s, heal_s - 0.1, heal_s), *counts]


def unavailable(until_s: float, *, dropped: bool = False) -> list[AnyEvent]:
    """A running app answers 503 from the fault on until this time."""
    bad = [*health(3.0, until_s, UNHEALTHY, code=503), *both(3.0, until_s, "failed", code=503)]
    good = [*health(until_s, 20.0), *both(until_s, 20.0), *live(3.0, 20.0)]
    return [*BEFORE, *outage(dropped=dropped), *bad, *good, *end(20.0)]


def gone(after_s: float, heal_s: float, again: Events) -> list[AnyEvent]:
    """A running app exits so long after the fault; its next boot comes 0.2 s later."""
    at_s = 3.0 + after_s
    served = [*health(3.0, at_s - 0.1), *live(3.0, at_s - 0.1), *both(3.0, at_s - 0.1)]
    lost = exits(at_s, 1, "lost")
    return [*BEFORE, *outage(heal_s=heal_s), *served, *lost, *again, *end(heal_s + 6.0)]


def back(at_s: float, until_s: float, number: int = 2) -> list[AnyEvent]:
    paths = [*health(at_s, until_s, number=number), *live(at_s, until_s, number=number)]
    return [*paths, *both(at_s, until_s)]


def found(
    histories_of: Mapping[Cell, Events], before: Topology | None = None, *, every_cell: bool = True
) -> Accepted:
    before = before or shop()
    run, judge = judged_run(before, {STEADY: histories()[STEADY], **histories_of})
    return accepted(run, before, judge, every_cell=every_cell)


def test_an_exit_is_not_accepted_if_the_next_boot_stays_up() -> None:
    """It degrades until the heal: a gate would see that it does not exit."""
    stays = [*boot(3.5, number=2, listens_s=3.7, complete_s=4.0, state=DEGRADED)]
    stays += [*health(4.1, 9.8, DEGRADED, number=2), *live(4.1, 9.8, number=2)]
    stays += [*both(4.1, 9.8, "failed", code=503), *back(10.4, 16.0)]
    for own in (shop(), shop(fail_fast_s=20.0)):
        seen = found({RUNNING: gone(0.3, HEAL_S, stays)}, own)
        assert seen.policies == {}
        assert seen.refused[RUNNING.name] == (
            "as exit it would be wrong: exits: boot 2 did not exit within 2 s of its spawn"
        )


def test_an_exit_is_not_accepted_if_the_next_boot_waits() -> None:
    """It answers nothing, and does not exit."""
    waits = [*boot(3.5, number=2, listens_s=10.2, complete_s=10.5), *back(10.6, 16.0)]
    waits += down(3.6, 9.6, 2)
    seen = found({RUNNING: gone(0.3, HEAL_S, waits)})
    assert "boot 2 did not exit within 2 s of its spawn" in seen.refused[RUNNING.name]


def test_a_boot_that_has_just_begun_at_the_heal_contradicts_no_exit() -> None:
    """The others exited as soon as the claim counts: from the fault, or from a spawn under it."""
    again = [*boot(3.5, number=2), *down(3.6, 5.4, 2), *exits(5.5, 1, number=2)]
    again += [*boot(9.0, number=3, listens_s=10.3, complete_s=10.6), *back(10.7, 16.0, 3)]
    seen = found({RUNNING: gone(0.3, HEAL_S, again)})
    assert seen.policies == {"web": {"postgres": {"running": {"refused": "exit"}}}}
    assert seen.deadlines["web"]["fail_fast_s"] == 5.0  # twice 2.0 s and one more


def test_the_time_of_an_exit_counts_from_the_fault_and_not_from_a_spawn_before_it() -> None:
    """A slow start-up says nothing about how fast the app fails."""
    again = [*boot(8.8, number=2, listens_s=10.3, complete_s=10.6), *back(10.7, 16.0)]
    seen = found({RUNNING: gone(0.2, HEAL_S, [*down(8.9, 9.7, 2), *again])})
    assert seen.deadlines["web"]["fail_fast_s"] == 1.5


def test_a_cell_that_breaks_a_deadline_of_the_file_is_not_accepted() -> None:
    """The file keeps it, and a gate would fail."""
    again = [*boot(9.0, number=2, listens_s=10.3, complete_s=10.6), *back(10.7, 16.0)]
    seen = found({RUNNING: gone(4.0, HEAL_S, again)}, shop(fail_fast_s=3.0))
    assert seen.policies == {}
    assert (
        "as exit it would be wrong: exits: boot 1 exited with 1, 4.000 s after fault"
        in (seen.refused[RUNNING.name])
    )


def test_503_is_not_accepted_if_too_few_answers_show_it() -> None:
    """The connections of its requests are closed. A gate would not know it either, and fail."""
    silent = [*health(3.0, 9.8, UNHEALTHY, code=503), *live(3.0, 9.8)]
    no = {"code": None, "error": "ReadError"}
    silent += [*both(3.0, 9.8, "indeterminate", **no), *back(10.4, 16.0, 1)]
    seen = found({RUNNING: [*BEFORE, *outage(), *silent, *end(16.0)]})
    assert seen.refused[RUNNING.name].startswith("as unavailable it would be not known: ")


def test_requests_that_hang_at_boot_are_not_accepted() -> None:
    """Although health answers 503."""
    waits = [*boot(0.5, listens_s=1.0, complete_s=10.5), *health(1.2, 9.8, UNHEALTHY, code=503)]
    hang = both(1.2, 7.8, "indeterminate", code=None, error="ReadTimeout", took_s=2.0)
    events = [*outage(AT_BOOT_S), *waits, *live(1.2, 9.8), *hang, *back(10.6, 16.0, 1), *end(16.0)]
    seen = found({AT_BOOT: events})
    assert (seen.policies, "hang" in seen.refused[AT_BOOT.name]) == ({}, True)


def test_deadlines_are_written_by_a_run_of_every_cell_only() -> None:
    """Another cell, with the same app, may take longer."""
    quick = {RUNNING: unavailable(10.3)}
    seen = found(quick, every_cell=False)
    assert seen.policies == {"web": {"postgres": {"running": {"refused": "unavailable"}}}}
    assert (seen.deadlines, seen.undated) == ({}, {"web": "not every cell was run"})
    assert found(quick).deadlines["web"]["recovery_s"] == 2.0


def test_deadlines_hold_for_the_slowest_cell() -> None:
    """The same histories pass as a gate with what is written."""
    every = {RUNNING: unavailable(10.3), DROPPED: unavailable(13.9, dropped=True)}
    seen = found(every)
    assert seen.refused == {}
    assert seen.deadlines["web"]["recovery_s"] == 9.0
    web = shop().apps["web"]
    policies = {"postgres": Policies(running={"refused": "unavailable", "dropped": "unavailable"})}
    deadlines = with_observed(web.deadlines, seen.deadlines["web"])
    gate = replace(shop(), apps={"web": replace(web, policies=policies, deadlines=deadlines)})
    run, _ = judged_run(gate, every)
    assert {ran.outcome for ran in run.ran.values()} == {Outcome.PASS}


def test_deadlines_are_not_written_while_a_cell_is_not_known() -> None:
    """It may be the slowest. A cell that is wrong is not asked."""
    unsettled = [*BEFORE, *outage(), *end(9.0, settled=False)]
    seen = found({RUNNING: unavailable(10.3), DROPPED: unsettled})
    assert seen.undated == {"web": "postgres-dropped-running is not known"}
    assert seen.deadlines == {}
    never = [*BEFORE, *outage(dropped=True), *live(3.0, 20.0), *end(20.0)]
    never += [*health(3.0, 20.0, UNHEALTHY, code=503), *both(3.0, 20.0, "failed", code=503)]
    assert found({RUNNING: unavailable(10.3), DROPPED: never}).deadlines["web"]["recovery_s"] == 2.0


def test_deadlines_that_make_another_cell_wrong_are_not_written() -> None:
    """Health of one cell turns at once. That of the other stays healthy for 3 s while requests
    fail, which is not wrong with the usual deadline.
    """
    turns = [*BEFORE, *outage(), *health(3.0, 3.2), *health(3.2, 9.8, DEGRADED)]
    turns += [*live(3.0, 9.8), *both(3.0, 9.8), *all_well(10.4, 16.0), *end(16.0)]
    hidden = [*BEFORE, *outage(dropped=True), *health(3.0, 16.0), *live(3.0, 16.0), *end(16.0)]
    hidden += [*both(3.0, 6.0, "failed", code=500), *both(6.0, 16.0)]
    seen = found({RUNNING: turns, DROPPED: hidden})
    assert seen.policies == {"web": {"postgres": {"running": {"refused": "degrade"}}}}
    assert seen.deadlines == {}
    assert seen.undated["web"].startswith("postgres-dropped-running would be wrong: honest_health")


def test_a_need_that_the_run_does_not_contradict_is_kept() -> None:
    """A cell at boot alone does not show whether a running app serves without the service."""
    events = [*outage(AT_BOOT_S), *boot(0.5), *down(0.6, 1.8), *exits(2.0, 1)]
    events += [*boot(9.5, number=2, listens_s=10.2, complete_s=10.5), *back(10.6, 16.0), *end(16.0)]
    for before, need in (("hard only at boot", {}), ("soft", "hard"), ("hard", "hard")):
        web = replace(shop().apps["web"], needs={"postgres": {"refused": before}})  # type: ignore[dict-item]
        seen = found({AT_BOOT: events}, replace(shop(), apps={"web": web}))
        assert seen.policies == {"web": {"postgres": {"boot": {"refused": "exit"}}}}
        assert seen.needs == ({"web": {"postgres": {"refused": need}}} if need else {})
