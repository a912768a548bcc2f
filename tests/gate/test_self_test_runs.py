"""The gate's self-test on a small project of a stranger: what it plans, tries, and finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin.project import Project

from chaoslab.errors import ServiceFailed, SpecError
from chaoslab.faults.base import MutationKind
from chaoslab.gate.self_test import TrialResult
from chaoslab.gate.self_test_run import Results, SelfTest, planned, run
from chaoslab.gate.self_test_text import line, table
from chaoslab.model.verdict import Outcome

pytestmark = pytest.mark.slow  # each starts a pytest of its own, or several

ROOT = Path(__file__).resolve().parents[2]
SOUND = """
@pytest.mark.vpc_outage
async def test_sound(chaos):
    await chaos.run(
        Severed(target="good.redis", mode="refused", stop=when.degraded(0.3)),
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="degraded"), expect.Recovers(app="good")],
    )
"""
LOOSE = """
@pytest.mark.recovery
async def test_loose(chaos):
    await chaos.run(
        Severed(name="unused", target="good.redis", mode="refused", start=when.exited()),
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="normal", rests_on=())],
    )
"""
FAULTLESS = """
@pytest.mark.steady
async def test_faultless(chaos):
    await chaos.run(
        boots=[Boot(app="good")],
        expect=[expect.Starts(app="good", mode="normal", rests_on=())],
    )
"""


def _below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


ALL = "vpc_outage or recovery or steady"


def of(folder: Path, marker: str, *kinds: MutationKind) -> SelfTest:
    """The self-test of a project in that folder."""
    return SelfTest(
        scenarios=folder,
        marker=marker,
        topology=folder / "chaoslab.toml",
        folder=folder / "results" / "self-test",
        kinds=kinds or ("inert", "bypassed", "inert-to-app"),
    )


async def tried(test: SelfTest) -> tuple[Results, list[str]]:
    """The results, and the progress lines."""
    lines: list[str] = []

    def tell(one: TrialResult, number: int, total: int) -> None:
        lines.append(str(line(one, number, total)))

    return await run(test, tell), lines


async def test_every_disabled_fault_of_a_good_scenario_is_detected(tmp_path: Path) -> None:
    """Three ways to disable its fault give three UNKNOWNs, each reported when it ends."""
    Project(tmp_path, SOUND + FAULTLESS)
    results, lines = await tried(of(tmp_path, ALL))
    assert {t.trial.mutation.kind for t in results.results} == {"inert", "bypassed", "inert-to-app"}
    assert [t.outcome for t in results.results] == [Outcome.UNKNOWN] * 3
    assert results.passed
    assert results.without_faults == ("tiny::faultless",)
    assert len(lines) == 3
    assert all("UNKNOWN" in told for told in lines)
    assert table(results.results, results.without_faults, results.seconds)


async def test_a_scenario_that_never_needs_its_fault_is_found(tmp_path: Path) -> None:
    """It passes with the fault disabled, so the gate may not rest on it."""
    Project(tmp_path, SOUND + LOOSE)
    results, lines = await tried(of(tmp_path, ALL, "inert"))
    found = {t.trial.scenario: (t.outcome, t.passed) for t in results.results}
    assert found == {
        "tiny::sound": (Outcome.UNKNOWN, True),
        "tiny::loose": (Outcome.PASS, False),
    }
    assert not results.passed
    assert any("starts is PASS" in told for told in lines)


async def test_only_what_the_marker_selects_is_planned(tmp_path: Path) -> None:
    """With the faults of each, and nothing brought up for it."""
    Project(tmp_path, SOUND + LOOSE + FAULTLESS)
    plans = await planned(of(tmp_path, "(vpc_outage) or (steady)"))
    named = {scenario: [f.label for f in plan.faults] for scenario, plan in plans.values()}
    assert named == {"tiny::sound": ["severed:good.redis"], "tiny::faultless": []}
    assert not [path for path in _below(tmp_path) if path.name == "history.jsonl"]


async def test_a_marker_that_selects_nothing_is_a_mistake(tmp_path: Path) -> None:
    """Nothing tried would prove nothing."""
    Project(tmp_path, SOUND)
    with pytest.raises(SpecError, match="-m 'slow_database' selects no scenario"):
        await planned(of(tmp_path, "slow_database"))


async def test_a_wrong_plan_is_reported_with_its_mistake(tmp_path: Path) -> None:
    """As the scenario itself would tell it."""
    Project(tmp_path, SOUND.replace("good.redis", "good.rediss"))
    with pytest.raises(SpecError, match=r"cannot be planned(.|\n)*did you mean 'good\.redis'"):
        await planned(of(tmp_path, "vpc_outage"))


async def test_a_file_that_cannot_be_collected_is_reported(tmp_path: Path) -> None:
    """And not passed over, with the scenarios in it."""
    Project(tmp_path, SOUND)
    (tmp_path / "test_broken.py").write_text("import nowhere\n")
    with pytest.raises((SpecError, ServiceFailed), match="nowhere"):
        await planned(of(tmp_path, "vpc_outage"))


async def test_every_disabled_fault_of_a_reference_scenario_is_detected(tmp_path: Path) -> None:
    """Real servers, and an app with a pool: none of its connections is taken for bitten."""
    test = SelfTest(
        scenarios=ROOT / "scenarios/test_running.py::test_one_link_fails[redis]",
        marker="running",
        topology=ROOT / "chaoslab.toml",
        folder=tmp_path / "self-test",
    )
    results, lines = await tried(test)
    assert [t.outcome for t in results.results] == [Outcome.UNKNOWN] * 3, lines
    assert results.passed, lines
