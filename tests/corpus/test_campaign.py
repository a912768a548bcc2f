"""A campaign runs pytest for each build, writes each trial down, and goes on where it was stopped.

The scenarios here write verdicts down themselves, by the command that they are given: what is tried
is the way from a build to its entry. `make corpus` tries the real builds behind real servers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rigs.projects import CHAOSLAB, Project

from chaoslab.cli import main
from chaoslab.corpus.campaign import Campaign
from chaoslab.corpus.ledger import GOOD, Entry, Ledger
from chaoslab.errors import ServiceFailed
from corpus.defects import DEFECT, RECORD, written

TOPOLOGY = """
version = 1
[apps.backend]
command = ["good"]

[gate]
runtime = "local"

[[gate.stages]]
name = "all"
marker = "steady or vpc_outage"
pass_rate = 1.0
"""
SCENARIOS = """
import json, time
import pytest


@pytest.fixture
def run(request, tmp_path):
    def write(name):
        built = request.config.getoption("--chaos-command") or []
        bad = any("early_return" in str(each) for each in built) and name == "severed"
        exited = dict(code="app.exited", text="exited with 3", data={"exit_code": 3})
        log = dict(code="app.log_line", text="log", data={"log_line": "failed in phase database"})
        because = [exited, log] if bad else []
        verdict = dict(name="starts", outcome="FAIL" if bad else "PASS", claim="it starts",
                       because=because, rests_on=[])
        (tmp_path / "verdicts.json").write_text(json.dumps([verdict]))
        request.node.user_properties.append(("chaos_run", str(tmp_path)))
        assert not bad
    return write


@pytest.mark.vpc_outage
@pytest.mark.parametrize("mode", ["dropped"])
def test_severed(run, mode):
    run("severed")
"""
STEADY = """
from test_vpc_outage import run
import pytest


@pytest.mark.steady
def test_starts(run):
    run("starts")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a topology, a gate of one stage, two scenarios and one defect."""
    (tmp_path / "chaoslab.toml").write_text(TOPOLOGY, encoding="utf-8")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "test_vpc_outage.py").write_text(SCENARIOS, encoding="utf-8")
    (tmp_path / "scenarios" / "test_steady.py").write_text(STEADY, encoding="utf-8")
    (tmp_path / "defects").mkdir()
    written(tmp_path / "defects")
    return tmp_path


def campaign(home: Path) -> Campaign:
    """The one defect and the good build."""
    return Campaign(
        topology=home / "chaoslab.toml",
        scenarios="scenarios",
        markers=("steady", "vpc_outage"),
        defects=(DEFECT,),
        good=True,
        app="backend",
        folder=home / "results" / "corpus",
        runtime="loopback",
    )


async def test_each_build_is_tried_and_written_down(home: Path) -> None:
    """The defect is refused in its scenario and passes its contrast; the good build passes all."""
    ledger, told = Ledger(home, "now"), list[Entry]()
    await campaign(home).run(ledger, 1, told.append)
    entries = {entry.build: entry for entry in ledger.entries()}
    assert {entry.build for entry in told} == {GOOD, "early-return"}
    assert (entries["early-return"].outcome, entries["early-return"].why) == ("refused", ())
    assert entries["early-return"].verdicts == ("starts",)
    assert (entries[GOOD].outcome, entries[GOOD].outcomes) == ("passed", (("PASS", 2),))


async def test_a_campaign_tries_only_what_is_still_due(home: Path) -> None:
    """Two trials are asked for and one is in the ledger: one more is made."""
    ledger, told = Ledger(home, "now"), list[Entry]()
    one = replace(campaign(home), good=False)
    await one.run(ledger, 1, told.append)
    await one.run(ledger, 2, told.append)
    await one.run(ledger, 2, told.append)
    assert len(told) == len(ledger.entries()) == 2
    assert len({entry.folder for entry in told}) == 2


async def test_a_trials_seconds_are_without_its_wait_for_a_worker(home: Path) -> None:
    """Three at once on one worker take no longer together than the whole campaign."""
    ledger, begun_s = Ledger(home, "now"), time.monotonic()
    await replace(campaign(home), defects=(), workers=1).run(ledger, 3, lambda _: None)
    together_s = sum(entry.seconds for entry in ledger.entries())
    assert 0 < together_s <= time.monotonic() - begun_s


async def test_a_build_that_pytest_cannot_run_gives_no_trial(home: Path) -> None:
    """A scenario that is not there, or a broken file, must not look like a build let through."""
    ledger = Ledger(home, "now")
    wrong = replace(DEFECT, scenarios=("vpc_outage::no_such[x]",))
    with pytest.raises(ServiceFailed, match=r"pytest ended with exit code 4(.|\n)*no_such"):
        await replace(campaign(home), defects=(wrong,), good=False).run(ledger, 1, print)
    assert ledger.entries() == ()


async def test_a_cancelled_campaign_leaves_no_process_and_no_entry(home: Path) -> None:
    """What is under way is interrupted, taken down, and not counted."""
    path = home / "scenarios" / "test_vpc_outage.py"
    begun = home / "begun"
    writes = f"open({str(begun)!r}, 'w').write(str(os.getpid()))"
    slow = f"    import os\n    {writes}\n    time.sleep(60)\n"
    path.write_text(SCENARIOS.replace('    run("severed")', slow), encoding="utf-8")
    ledger = Ledger(home, "now")
    task = asyncio.create_task(campaign(home).run(ledger, 1, print))
    async with asyncio.timeout(60):
        while not begun.exists() or not begun.read_text(encoding="utf-8"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text(encoding="utf-8")), 0)
    assert DEFECT.name not in {entry.build for entry in ledger.entries()}


def arguments(home: Path, *more: str) -> list[str]:
    """The command line of a campaign in that folder."""
    folders = (
        f"--topology={home / 'chaoslab.toml'}",
        f"--results={home / 'results'}",
        "--runtime=loopback",
    )
    return ["corpus", "run", *folders, f"--defects={home / 'defects'}", *more]


def test_the_command_prints_a_table_and_exits_with_0_if_all_are_refused(home: Path) -> None:
    """Exit 0, a row for the defect, and the good build's false alarms."""
    result = CliRunner().invoke(main, arguments(home))
    assert result.exit_code == 0, result.output
    assert "1 of 1" in result.output
    assert "0 with a false alarm; 0 of 2 scenarios" in result.output


def test_a_build_that_is_let_through_is_missed(home: Path) -> None:
    """Exit 1, with the reason of its verdict."""
    written(home / "defects", text=RECORD.replace("exit_code = 3", "exit_code = 4"))
    result = CliRunner().invoke(main, arguments(home, "early-return"))
    assert result.exit_code == 1
    assert "'starts' does not cite app.exited { exit_code = 4 }" in result.output


def test_an_unknown_build_is_the_users_mistake(home: Path) -> None:
    """Exit 2, with what was meant."""
    result = CliRunner().invoke(main, arguments(home, "early-returns"))
    assert result.exit_code == 2
    assert "did you mean 'early-return'?" in result.output


def test_ctrl_c_prints_how_to_continue(home: Path) -> None:
    """Exit 4, and the table of what was tried so far."""
    path = home / "scenarios" / "test_vpc_outage.py"
    begun = home / "begun"
    slow = f"    open({str(begun)!r}, 'w')\n    time.sleep(60)\n"
    path.write_text(SCENARIOS.replace('    run("severed")', slow), encoding="utf-8")
    process = Project(home).start(CHAOSLAB, *arguments(home, "early-return"))
    deadline_s = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "run the same command again to continue" in output) == (4, True), (
        output
    )
    assert "0 of 0" in output
