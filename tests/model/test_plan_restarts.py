"""Boots that a supervisor repeats: what a plan may ask for."""

from __future__ import annotations

import pytest

from chaoslab import expectations as expect
from chaoslab.errors import SpecError
from chaoslab.expectations import NoRestarts
from chaoslab.model import when
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.topology import App, Topology

TOPOLOGY = Topology(
    name="t", services={}, apps={name: App(name=name, command=("a",)) for name in ("web", "auth")}
)


def problems(plan: Plan) -> str:
    with pytest.raises(SpecError) as refused:
        resolve(plan, TOPOLOGY)
    return str(refused.value)


@pytest.mark.parametrize("restarts", [-1, 11, 1000])
def test_a_supervisor_starts_an_app_ten_times_at_most(restarts: int) -> None:
    """More restarts would make a run without an end."""
    said = problems(Plan(boots=(Boot(restarts=restarts),)))
    assert f"boots[0]: restarts is {restarts}" in said
    assert "expected 0 to 10" in said


def test_a_supervised_boot_is_its_apps_only_one() -> None:
    """With another boot it would not be known which boot is the second."""
    said = problems(Plan(boots=(Boot(restarts=1), Boot(app="web", at=when.spawned(1.0)))))
    assert "'web' is restarted both by a supervisor and by the plan" in said
    assert resolve(Plan(boots=(Boot(restarts=1), Boot(app="auth"))), TOPOLOGY)


@pytest.mark.parametrize(
    ("boot", "expected"),
    [
        (Boot(), NoRestarts()),
        (Boot(app="auth", restarts=2), NoRestarts()),
        (Boot(restarts=2), NoRestarts(at_most=2)),
        (Boot(restarts=2), NoRestarts(at_most=-1)),
    ],
    ids=["no supervisor", "another app's", "more than can be seen", "below nothing"],
)
def test_a_claim_about_restarts_needs_more_restarts_than_it_accepts(
    boot: Boot, expected: NoRestarts
) -> None:
    """Else the claim could never fail."""
    said = problems(Plan(boots=(Boot(), boot) if boot.app else (boot,), expect=(expected,)))
    assert "expect[0]: at_most is" in said
    assert "boots=[Boot(restarts=...)]" in said


def test_a_supervised_plan_has_the_time_for_every_start() -> None:
    """Each start may take its deadline."""
    once = resolve(Plan(expect=(expect.Starts(),)), TOPOLOGY).limit_s
    often = resolve(Plan(boots=(Boot(restarts=4),), expect=(expect.Starts(),)), TOPOLOGY).limit_s
    assert once is not None
    assert often == once + 4 * 30.0
