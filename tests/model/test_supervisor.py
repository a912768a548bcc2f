"""Supervisors: their back-off, the exits after which they restart, and how they are declared."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model import when
from chaoslab.model.health import HealthContract
from chaoslab.model.loader import load_topology
from chaoslab.model.plan import Boot, Plan, resolve, written_out
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Topology
from chaoslab.registry import kinds

WEB = App(name="web", command=("a",), health=HealthContract(live_path="/live"))
TOPOLOGY = Topology(name="t", services={}, apps={"web": WEB})
ON_FAILURE = Supervisor(restart="on_failure")
DECLARED = replace(TOPOLOGY, apps={"web": replace(WEB, supervisor=ON_FAILURE)})


def test_the_wait_grows_up_to_its_limit() -> None:
    """Each restart in a row waits twice as long; the first one waits the least."""
    waits = [Supervisor().wait_s(n) for n in (0, 1, 2, 5, 6, 7, 100_000)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 3.2, 5.0, 5.0, 5.0])
    assert Supervisor(backoff_s=0).wait_s(9) == 0
    assert Supervisor(backoff_s=9, backoff_max_s=2).wait_s(0) == 2
    assert Supervisor(backoff_factor=1).wait_s(9) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("restart", "exit_code", "stopped", "again"),
    [
        ("always", 0, False, True),
        ("always", 3, False, True),
        ("on_failure", 0, False, False),
        ("on_failure", 3, False, True),
        ("on_failure", -9, False, True),
        ("on_failure", 0, True, True),
        ("never", 3, False, False),
        ("never", 0, True, False),
    ],
)
def test_a_policy_decides_by_the_exit_code(
    restart: str, exit_code: int, stopped: bool, again: bool
) -> None:
    """A process that its supervisor stopped has failed, with whatever code it then ended."""
    supervisor = Supervisor(restart=restart)  # type: ignore[arg-type]
    assert supervisor.restarts(exit_code, stopped=stopped) is again


def test_the_number_of_restarts_is_unlimited_unless_declared() -> None:
    """A policy of never has none."""
    assert Supervisor().most_restarts == inf
    assert Supervisor(at_most=2).most_restarts == 2
    assert Supervisor(restart="never", at_most=2).most_restarts == 0


def test_a_boot_has_the_supervisor_of_the_topology_or_its_own() -> None:
    """`restarts` is a short form, and is written out."""
    by = (
        (Boot(), ON_FAILURE),
        (Boot(supervisor=Supervisor(restart="never")), Supervisor(restart="never")),
        (Boot(restarts=2), Supervisor(at_most=2, backoff_s=0)),
    )
    for boot, supervisor in by:
        (resolved,) = resolve(Plan(boots=(boot,)), DECLARED).boots
        assert (resolved.supervisor, resolved.restarts) == (supervisor, 0)
        assert resolve(Plan(boots=(resolved,)), DECLARED).boots == (resolved,)
    assert resolve(Plan(), TOPOLOGY).boots[0].supervisor is None


def test_restarts_of_an_older_saved_plan_are_a_supervisor() -> None:
    """Plans of before have a number and no supervisor."""
    saved = json.loads(plan_json(resolve(Plan(), TOPOLOGY)))
    boot = saved["boots"][0]
    assert boot.pop("supervisor") is None
    boot["restarts"] = 3
    plan = written_out(read_plan(json.dumps(saved).encode(), kinds()), TOPOLOGY)
    assert plan.boots[0].supervisor == Supervisor(at_most=3, backoff_s=0)


def test_the_limit_of_a_run_allows_some_restarts_of_a_supervisor_without_one() -> None:
    """Each with its longest wait and its start; with liveness, with its start-up probe."""
    limit_s = [
        resolve(Plan(boots=(Boot(supervisor=by),)), TOPOLOGY).limit_s
        for by in (Supervisor(restart="never"), Supervisor(), Supervisor(liveness=True))
    ]
    assert limit_s == [30.0, 30.0 + 10 * (30.0 + 5.0), 30.0 + 10 * (60.0 + 5.0)]


def problems(boot: Boot, topology: Topology = TOPOLOGY) -> str:
    with pytest.raises(SpecError) as refused:
        resolve(Plan(boots=(boot,)), topology)
    return str(refused.value)


@pytest.mark.parametrize(
    ("supervisor", "expected"),
    [
        (Supervisor(restart="no"), "one of: always, on_failure, never"),  # type: ignore[arg-type]
        (Supervisor(at_most=-1), "at_most is -1"),
        (Supervisor(backoff_s=-0.1), "backoff_s is -0.1"),
        (Supervisor(backoff_factor=0.5), "backoff_factor is 0.5"),
        (Supervisor(backoff_max_s=inf), "backoff_max_s is inf"),
        (Supervisor(reset_after_s=float("nan")), "reset_after_s is nan"),
        (Supervisor(liveness_period_s=0), "liveness_period_s is 0"),
        (Supervisor(startup_probe_s=0), "startup_probe_s is 0"),
        (Supervisor(grace_s=-1), "grace_s is -1"),
    ],
)
def test_a_wrong_value_is_a_problem_of_the_plan(supervisor: Supervisor, expected: str) -> None:
    """With its place."""
    said = problems(Boot(supervisor=supervisor))
    assert "boots[0].supervisor" in said
    assert expected in said


def test_liveness_needs_a_path_that_answers_it() -> None:
    """The lab would have nothing to ask."""
    without = replace(TOPOLOGY, apps={"web": App(name="web", command=("a",))})
    assert "add live_path" in problems(Boot(supervisor=Supervisor(liveness=True)), without)
    assert resolve(Plan(boots=(Boot(supervisor=Supervisor(liveness=True)),)), TOPOLOGY)


def test_a_boot_has_one_supervisor() -> None:
    """The short form and the long one may differ."""
    assert "remove restarts=" in problems(Boot(restarts=1, supervisor=Supervisor()))


def test_an_app_that_the_plan_starts_twice_has_no_supervisor_that_restarts_it() -> None:
    """Not one of the topology either: it would not be known which boot is the second."""
    again = Boot(at=when.spawned(1.0))
    with pytest.raises(SpecError, match="both by a supervisor and by the plan"):
        resolve(Plan(boots=(Boot(), again)), DECLARED)
    never = Supervisor(restart="never")
    both = tuple(replace(boot, supervisor=never) for boot in (Boot(), again))
    assert resolve(Plan(boots=both), DECLARED)


FILE = """
version = 1
[apps.web]
command = ["web"]
[apps.web.health]
live_path = "/live"
[apps.web.supervisor]
"""
EVERY = """
restart = "on_failure"
at_most = 4
backoff_s = 0.2
backoff_factor = 3
backoff_max_s = 7
reset_after_s = 11
liveness = true
liveness_period_s = 2
startup_probe_s = 30
grace_s = 5
"""


def test_every_key_of_the_file_arrives(tmp_path: Path) -> None:
    """An empty table is a supervisor with its defaults; no table is none."""
    file = tmp_path / "chaoslab.toml"
    file.write_text(FILE + EVERY)
    assert load_topology(file, kinds=services.kinds()).apps["web"].supervisor == Supervisor(
        restart="on_failure",
        at_most=4,
        backoff_s=0.2,
        backoff_factor=3,
        backoff_max_s=7,
        reset_after_s=11,
        liveness=True,
        liveness_period_s=2,
        startup_probe_s=30,
        grace_s=5,
    )
    file.write_text(FILE)
    assert load_topology(file, kinds=services.kinds()).apps["web"].supervisor == Supervisor()
    file.write_text(FILE.replace("[apps.web.supervisor]", ""))
    assert load_topology(file, kinds=services.kinds()).apps["web"].supervisor is None


def test_a_file_with_liveness_and_no_path_for_it_is_refused(tmp_path: Path) -> None:
    """As a mistake at the key."""
    file = tmp_path / "chaoslab.toml"
    file.write_text(FILE.replace('live_path = "/live"', "") + "liveness = true\n")
    with pytest.raises(SpecError) as refused:
        load_topology(file, kinds=services.kinds())
    assert "apps.web.supervisor.liveness" in str(refused.value)
    assert "add live_path to apps.web.health" in str(refused.value)
