"""Services that do without their database what their topology says, and one whose health lies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each

KEPT = {
    "running_degrade": "degrades",
    "running_unavailable": "unavailable",
    "running_exit": "exits",
    "running_unaffected": "unaffected",
    "boot_wait": "waits",
    "boot_exit": "exits",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    """All scenarios of the case, run in one pytest."""
    return judged_each("policies", tmp_path_factory.mktemp("policies"), len(KEPT) + 1)


@pytest.mark.parametrize(("scenario", "claim"), KEPT.items())
def test_an_app_that_keeps_its_policy_passes(
    scenario: str, claim: str, runs: Mapping[str, Judged]
) -> None:
    """Every claim of the policy, and what holds under any."""
    run = runs[f"policies-{scenario}"]
    assert run.outcome is Outcome.PASS, run.text
    assert {claim, "comes_back", "honest_health"} <= set(run.verdicts)


def test_health_that_answers_healthy_while_requests_fail_is_a_lie(
    runs: Mapping[str, Judged],
) -> None:
    """Its policy is that nothing changes, and that is broken as well."""
    run = runs["policies-running_liar"]
    assert run.verdicts["honest_health"].outcome is Outcome.FAIL, run.text
    assert "health.healthy_while_failing" in run.codes("honest_health")
    assert run.verdicts["unaffected"].outcome is Outcome.FAIL
    assert run.verdicts["comes_back"].outcome is Outcome.PASS


def test_an_app_that_exits_comes_back_restarted(runs: Mapping[str, Judged]) -> None:
    """The reasons count the restarts, under the fault and after its heal."""
    because = runs["policies-boot_exit"].verdicts["comes_back"].because
    counted = next(reason for reason in because if reason.code == "back.restarts")
    assert counted.data["under"] >= 1
