"""Runs of the lab that end otherwise than planned: each is healed, stopped and written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab import Boot, Severed, expect, when
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.history.events import Exited, FaultHealed, FaultInForce, RunEnded, Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab import Setting, carry_out
from chaoslab.spec.plan import Plan
from chaoslab.spec.topology import App, Deadlines, Service, Topology
from chaoslab.verdicts.verdict import Verdict

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
    plan = Plan(name="limit", faults=(CUT,), expect=(expect.Starts(),), limit_s=1.0)
    (verdict,) = await carried_out(folder, plan)
    history = folder.history()
    assert verdict.outcome == "UNKNOWN", verdict
    assert history.first(FaultHealed) is not None
    ended, exit_ = history.last(RunEnded), history.last(Exited)
    assert ended is not None
    assert not ended.settled
    assert "limit of 1.0 s" in ended.why
    assert exit_ is not None
    assert exit_.asked


async def test_an_app_that_cannot_be_spawned_leaves_no_fault_in_force(tmp_path: Path) -> None:
    """The user's mistake is said, the fault is healed, and the history has its end."""
    folder = RunFolder(tmp_path)
    plan = Plan(name="missing", faults=(CUT,), expect=(expect.Starts(),))
    with pytest.raises(ServiceFailed, match="no such program"):
        await carried_out(folder, plan, "/no/such/program")
    kinds = [type(event) for event in folder.history().events]
    assert kinds.index(FaultInForce) < kinds.index(FaultHealed) < kinds.index(RunEnded)


async def test_a_second_boot_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """Stopped by the lab, then spawned anew with its own environment."""
    folder = RunFolder(tmp_path)
    boots = (Boot(), Boot(at=when.spawned(0.2), env={"SECOND": "yes"}))
    plan = Plan(name="twice", boots=boots, expect=(expect.Starts(boot=2),), limit_s=1.0)
    await carried_out(folder, plan)
    history = folder.history()
    first, second = history.of(Spawned)
    ends = {exit_.boot: exit_ for exit_ in history.of(Exited)}
    assert (first.boot, second.boot) == (1, 2)
    assert ends[1].asked
    assert ends[1].at_s <= second.at_s
    assert "SECOND" not in first.env
    assert second.env["SECOND"] == "yes"


async def test_a_proxy_that_is_not_there_is_said_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear error, whatever else was being started at the time."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    plan = Plan(name="proxy", expect=(expect.Starts(),))
    setting = Setting(seed=1, proxy="toxiproxy")
    with pytest.raises(RuntimeUnavailable, match="no toxiproxy-server on PATH"):
        await carry_out(TOPOLOGY, plan, setting, RunFolder(tmp_path))
