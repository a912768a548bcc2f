"""Runs of the lab that end otherwise than planned: each is healed, stopped and written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab import Boot, Severed, expect, when
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import (
    Exited,
    FaultHealed,
    FaultInForce,
    RunEnded,
    ServerConnections,
    Spawned,
    TriggerMissed,
)
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Deadlines, Service, Topology
from chaoslab.model.verdict import Verdict

SILENT = ("{python}", "-c", "import time; time.sleep(60)")
TOPOLOGY = Topology(
    name="small",
    services={"redis": Service(name="redis", kind="redis")},
    apps={
        "shop": App(
            name="shop",
            command=SILENT,
            links=("redis",),
            deadlines=Deadlines(startup_s=20, degraded_s=1, recovery_s=1),
        )
    },
)
CUT = Severed(target="redis", stop=when.started())


async def carried_out(folder: RunFolder, plan: Plan, *command: str) -> tuple[Verdict, ...]:
    shop = replace(TOPOLOGY.apps["shop"], command=command or SILENT)
    return await carry_out(replace(TOPOLOGY, apps={"shop": shop}), plan, Setting(seed=1), folder)


async def test_a_run_that_reaches_its_limit_is_healed_stopped_and_unknown(tmp_path: Path) -> None:
    """The app had time left: nothing is known, and nothing is left."""
    folder = RunFolder(tmp_path)
    plan = Plan(name="limit", faults=(CUT,), expect=(expect.Starts(),), limit_s=2.5)
    (verdict,) = await carried_out(folder, plan)
    history = folder.history()
    assert verdict.outcome == "UNKNOWN", verdict
    assert history.first(FaultHealed) is not None
    ended, exit_ = history.last(RunEnded), history.last(Exited)
    assert ended is not None
    assert not ended.settled
    assert "limit of 2.5 s" in ended.why
    assert exit_ is not None
    assert exit_.asked


async def test_an_app_that_cannot_be_spawned_leaves_no_fault_in_force(tmp_path: Path) -> None:
    """The mistake is reported, the fault is healed, and the history has its end."""
    folder = RunFolder(tmp_path)
    plan = Plan(name="missing", faults=(CUT,), expect=(expect.Starts(),))
    with pytest.raises(ServiceFailed, match="program not found"):
        await carried_out(folder, plan, "/no/such/program")
    kinds = [type(event) for event in folder.history().events]
    assert kinds.index(FaultInForce) < kinds.index(FaultHealed) < kinds.index(RunEnded)


async def test_a_second_boot_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """The lab stops the app, then spawns it again with another environment."""
    folder = RunFolder(tmp_path)
    boots = (Boot(), Boot(at=when.spawned(0.2), env={"SECOND": "yes"}))
    plan = Plan(name="twice", boots=boots, expect=(expect.Starts(boot=2),), limit_s=4.0)
    await carried_out(folder, plan)
    history = folder.history()
    first, second = history.of(Spawned)
    ends = {exit_.boot: exit_ for exit_ in history.of(Exited)}
    assert (first.boot, second.boot) == (1, 2)
    assert ends[1].asked
    assert ends[1].at_s <= second.at_s
    assert "SECOND" not in first.env
    assert second.env["SECOND"] == "yes"


GIVES_UP = ("{python}", "-c", "raise SystemExit('giving up')")
# Gives up at its first start only: the file says that there was one.
SECOND_TIME_LUCKY = (
    "{python}",
    "-c",
    "import os, pathlib, time\n"
    "seen = pathlib.Path(os.environ['SEEN'])\n"
    "if not seen.exists(): seen.touch(); raise SystemExit(3)\n"
    "time.sleep(60)",
)


async def test_a_supervisor_restarts_an_app_up_to_its_limit(tmp_path: Path) -> None:
    """At once each time, as boots of their own that are not the plan's; then nobody is left."""
    folder = RunFolder(tmp_path)
    waited_for = replace(CUT, stop=when.degraded())  # never comes, and would hold the run open
    boots = (Boot(restarts=2),)
    plan = Plan(name="again", boots=boots, faults=(waited_for,), expect=(expect.Starts(),))
    await carried_out(folder, plan, *GIVES_UP)
    history = folder.history()
    spawned, ends = list(history.of(Spawned)), list(history.of(Exited))
    assert [(s.boot, s.restart) for s in spawned] == [(1, False), (2, True), (3, True)]
    assert [(x.boot, x.exit_code, x.asked) for x in ends] == [(n, 1, False) for n in (1, 2, 3)]
    for end, after in zip(ends, spawned[1:], strict=False):
        # the old boot's probes end first, each of them bounded
        assert end.at_s <= after.at_s < end.at_s + 6.0
    run = history.last(RunEnded)
    assert run is not None
    assert run.settled


@pytest.mark.slow
async def test_what_can_come_no_more_ends_the_run_and_is_named(tmp_path: Path) -> None:
    """The app gives up, as it should; the second boot and the fault's stop waited for more of it.
    All of them would have had 22 s.
    """
    folder = RunFolder(tmp_path)
    plan = Plan(
        name="never",
        boots=(Boot(), Boot(at=when.started())),
        faults=(CUT,),
        expect=(expect.FailsFast(naming=("giving up",), exit_code=1, rests_on=()),),
    )
    (verdict,) = await carried_out(folder, plan, *GIVES_UP)
    history = folder.history()
    assert {m.place for m in history.of(TriggerMissed)} == {"faults[0].stop", "boots[1].at"}
    assert verdict.outcome == "UNKNOWN", verdict
    assert "boots[1].at waited for a completed start-up: shop has no process" in str(verdict.texts)
    ended = history.last(RunEnded)
    assert ended is not None
    assert ended.settled
    assert ended.at_s < 15.0


async def test_a_boot_that_stays_up_is_not_restarted(tmp_path: Path) -> None:
    """The lab's own stop at the end is no end by itself."""
    folder = RunFolder(tmp_path)
    boots = (Boot(restarts=5, env={"SEEN": str(tmp_path / "seen")}),)
    plan = Plan(name="lucky", boots=boots, expect=(expect.StaysAvailable(),), limit_s=6.0)
    await carried_out(folder, plan, *SECOND_TIME_LUCKY)
    history = folder.history()
    assert [s.restart for s in history.of(Spawned)] == [False, True]
    assert [(x.boot, x.asked) for x in history.of(Exited)] == [(1, False), (2, True)]


async def test_each_server_of_an_app_is_counted_where_an_expectation_is_about_it(
    tmp_path: Path,
) -> None:
    """Before the app is spawned, so that there is a level to compare with."""
    folder = RunFolder(tmp_path)
    expected = (expect.Starts(), expect.ReleasesConnections(rests_on=()))
    plan = Plan(name="count", faults=(CUT,), expect=expected, limit_s=2.5)
    await carried_out(folder, plan)
    history = folder.history()
    first, spawned = history.first(ServerConnections), history.first(Spawned)
    assert first is not None
    assert spawned is not None
    assert (first.service, first.count) == ("redis", 0)
    assert first.at_s < spawned.at_s


async def test_a_missing_proxy_is_reported_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error, whatever else was being started at the time."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    plan = Plan(name="proxy", expect=(expect.Starts(),))
    setting = Setting(seed=1, proxy="toxiproxy")
    with pytest.raises(RuntimeUnavailable, match="toxiproxy-server is not on PATH"):
        await carry_out(TOPOLOGY, plan, setting, RunFolder(tmp_path))
