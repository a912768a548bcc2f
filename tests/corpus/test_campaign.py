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
from chaoslab.corpus.builds import Build, GatedProject, of_service, twin_of
from chaoslab.corpus.campaign import Campaign
from chaoslab.corpus.field import read_field
from chaoslab.corpus.ledger import GOOD, Entry, Ledger
from chaoslab.corpus.record import Defect, Service
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


def builds(home: Path) -> dict[str, Build]:
    """The one defect and the good build, by name."""
    project = GatedProject(
        topology=home / "chaoslab.toml",
        scenarios="scenarios",
        markers=("steady", "vpc_outage"),
        app="backend",
        runtime="loopback",
    )
    assert isinstance(DEFECT.target, Defect)
    return {GOOD: project.good(), DEFECT.name: project.defective(DEFECT, DEFECT.target)}


def campaign(home: Path, *names: str) -> tuple[Campaign, Ledger]:
    """A campaign of these builds, or of both, and its ledger."""
    chosen = [build for name, build in builds(home).items() if not names or name in names]
    ledger = Ledger(home, {build.name: build.state for build in chosen})
    return Campaign(builds=chosen, folder=home / "results" / "corpus"), ledger


async def test_each_build_is_tried_and_written_down(home: Path) -> None:
    """The defect is refused in its scenario and passes its contrast; the good build passes all."""
    (both, ledger), told = campaign(home), list[Entry]()
    await both.run(ledger, 1, told.append)
    entries = {entry.build: entry for entry in ledger.entries()}
    assert {entry.build for entry in told} == {GOOD, "early-return"}
    assert (entries["early-return"].outcome, entries["early-return"].why) == ("refused", ())
    assert entries["early-return"].verdicts == ("starts",)
    assert (entries[GOOD].outcome, entries[GOOD].outcomes) == ("passed", (("PASS", 2),))


async def test_a_campaign_tries_only_what_is_still_due(home: Path) -> None:
    """Two trials are asked for and one is in the ledger: one more is made."""
    (one, ledger), told = campaign(home, DEFECT.name), list[Entry]()
    await one.run(ledger, 1, told.append)
    await one.run(ledger, 2, told.append)
    await one.run(ledger, 2, told.append)
    assert len(told) == len(ledger.entries()) == 2
    assert len({entry.folder for entry in told}) == 2


async def test_a_trials_seconds_are_without_its_wait_for_a_worker(home: Path) -> None:
    """Three at once on one worker take no longer together than the whole campaign."""
    (good, ledger), begun_s = campaign(home, GOOD), time.monotonic()
    await replace(good, workers=1).run(ledger, 3, lambda _: None)
    together_s = sum(entry.seconds for entry in ledger.entries())
    assert 0 < together_s <= time.monotonic() - begun_s


async def test_a_build_that_pytest_cannot_run_gives_no_trial(home: Path) -> None:
    """A scenario that is not there, or a broken file, must not look like a build let through."""
    one, ledger = campaign(home, DEFECT.name)
    calls = (("scenarios/test_vpc_outage.py::test_no_such",),)
    wrong = replace(one, builds=[replace(one.builds[0], calls=calls)])
    with pytest.raises(ServiceFailed, match=r"pytest ended with exit code 4(.|\n)*no_such"):
        await wrong.run(ledger, 1, print)
    assert ledger.entries() == ()


async def test_a_cancelled_campaign_leaves_no_process_and_no_entry(home: Path) -> None:
    """What is under way is interrupted, taken down, and not counted."""
    path = home / "scenarios" / "test_vpc_outage.py"
    begun = home / "begun"
    writes = f"open({str(begun)!r}, 'w').write(str(os.getpid()))"
    slow = f"    import os\n    {writes}\n    time.sleep(60)\n"
    path.write_text(SCENARIOS.replace('    run("severed")', slow), encoding="utf-8")
    both, ledger = campaign(home)
    task = asyncio.create_task(both.run(ledger, 1, print))
    async with asyncio.timeout(60):
        while not begun.exists() or not begun.read_text(encoding="utf-8"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text(encoding="utf-8")), 0)
    assert DEFECT.name not in {entry.build for entry in ledger.entries()}


SERVICE = """
title = "Never connects again"
mechanism = "It keeps a dead connection."
symptom = "Every write fails."
fix = "It connects again."
source = "https://example.org/issues/1"
library = "a client 1.0"
scenarios = ["outage::path_is_cut"]

[needs]
modules = ["json"]

[primary]
verdict = "starts"
cites = [{ code = "app.exited", data = { exit_code = 3 } }]
"""
OUTAGE = """
import json, os


def test_path_is_cut(request, tmp_path):
    bad = os.environ["FIXED"] != "1"
    exited = dict(code="app.exited", text="exited with 3", data={"exit_code": 3})
    verdict = dict(name="starts", outcome="FAIL" if bad else "PASS", claim="it starts",
                   because=[exited] if bad else [], rests_on=[])
    (tmp_path / "verdicts.json").write_text(json.dumps([verdict]))
    request.node.user_properties.append(("chaos_run", str(tmp_path)))
    assert not bad
"""


@pytest.fixture
def field(home: Path) -> Path:
    """A folder with one service, as in the repository."""
    folder = home / "field" / "never_again"
    folder.mkdir(parents=True)
    (folder / "record.toml").write_text(SERVICE, encoding="utf-8")
    (folder / "chaoslab.toml").write_text(TOPOLOGY, encoding="utf-8")
    (folder / "test_outage.py").write_text(OUTAGE, encoding="utf-8")
    return home / "field"


@pytest.mark.parametrize("outside", ["", "0", "1"])
async def test_a_service_and_its_twin_differ_in_one_variable(
    home: Path, field: Path, outside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug is refused and the twin passes, whatever the variable was before."""
    monkeypatch.setenv("FIXED", outside)
    (record,) = read_field(field)
    assert isinstance(record.target, Service)
    both = [*of_service(record, record.target, "loopback")]
    ledger = Ledger(home, {build.name: build.state for build in both})
    await Campaign(builds=both, folder=home / "results").run(ledger, 1, lambda _: None)
    outcomes = {entry.build: entry.outcome for entry in ledger.entries()}
    assert outcomes == {"never-again": "refused", twin_of("never-again"): "passed"}


def test_a_change_of_a_service_is_another_version(field: Path) -> None:
    """Its trials are counted anew, and those of no other build."""

    def states() -> set[str]:
        (record,) = read_field(field)
        assert isinstance(record.target, Service)
        return {build.state for build in of_service(record, record.target, "loopback")}

    before = states()
    assert len(before) == 1
    (field / "never_again" / "app.py").write_text("changed = True", encoding="utf-8")
    assert not states() & before


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
    (last,) = result.output.splitlines()[-1:]
    assert last.startswith("FAILED early-return; missed; vpc_outage::"), last


def test_the_command_tests_the_services_of_a_folder(home: Path, field: Path) -> None:
    """Their table has the bug and its twin; the defect of the reference is tested beside them."""
    result = CliRunner().invoke(main, arguments(home, f"--field={field}", "--no-good"))
    assert result.exit_code == 0, result.output
    row = next(line for line in result.output.splitlines() if line.startswith("never-again  "))
    assert row.split()[:2] == ["never-again", "refused"]
    assert "Services refused for the expected reason" in result.output
    assert result.output.count("1 of 1") == 3, "the defect, the service, its twin"


def test_a_twin_that_is_refused_is_a_false_alarm(home: Path, field: Path) -> None:
    """Exit 1, though the bug itself is refused."""
    path = field / "never_again" / "test_outage.py"
    path.write_text(OUTAGE.replace('os.environ["FIXED"] != "1"', "True"), encoding="utf-8")
    result = CliRunner().invoke(main, arguments(home, f"--field={field}", "never-again"))
    assert result.exit_code == 1, result.output
    assert "'starts' is FAIL (exited with 3)" in result.output
    assert "0 of 1" in result.output


def test_a_service_that_cannot_run_here_is_skipped_with_the_reason(home: Path, field: Path) -> None:
    """It is neither tested nor silently left out."""
    record = field / "never_again" / "record.toml"
    record.write_text(SERVICE.replace('["json"]', '["no_such_client"]'), encoding="utf-8")
    result = CliRunner().invoke(main, arguments(home, f"--field={field}", "never-again"))
    assert result.exit_code == 0, result.output
    assert result.output.count("the Python module no_such_client is not installed") == 2
    assert "0 of 0" in result.output


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
