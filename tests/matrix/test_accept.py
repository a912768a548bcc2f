"""What of a run is accepted, and how it is written into the topology file."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rigs.cell_histories import (
    AT_BOOT_S,
    all_well,
    behaviour,
    boot,
    both,
    cell,
    end,
    exits,
    fault,
    hanging,
    health,
    live,
    refused,
    topology,
    up,
)

from chaoslab.behaviour.facts import Facts
from chaoslab.history.events import AnyEvent
from chaoslab.matrix.accept import Accepted, accepted
from chaoslab.matrix.claims import without_policies
from chaoslab.matrix.observed_policy import policy_of, why_no_policy
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.matrix.write import write_accepted
from chaoslab.model.health import HealthState
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.loader import load_topology
from chaoslab.model.policy import Policies
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.services import kinds

from .rig import AT_BOOT, RUNNING, STEADY, down, histories, judged_run, matrix, verdict

SHOP = topology()
UNHEALTHY, DEGRADED = HealthState.UNHEALTHY, HealthState.DEGRADED
BEFORE = [*up(), *all_well(1.6, 3.0), *fault(), *refused()]
AFTER = [*all_well(6.4, 10.0), *end()]
FILE = """\
# the shop
version = 1

[services.postgres]
kind = "postgres"  # the usual one

[apps.web]
command = ["web"]
links = ["postgres"]

[apps.web.deadlines]
startup_s = 5  # as the platform has it
"""
CONTRACT = """
[apps.web.health]
path = "/healthcheck"
live_path = "/liveness"

[apps.web.requests.order]
kind = "page"
path = "/order"

[apps.web.requests.list]
kind = "page"
path = "/list"
"""


def running(*events: list[AnyEvent]) -> Facts:
    """The facts of a fault under a running app."""
    every = [event for group in (BEFORE, *events, AFTER) for event in group]
    return behaviour(RUNNING, every).facts


def at_boot(*events: list[AnyEvent]) -> Facts:
    every = [event for group in events for event in group]
    return behaviour(
        AT_BOOT, [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S), *every, *end()]
    ).facts


def found(run: MatrixRun, shop: Topology = SHOP, *, every_cell: bool = True) -> Accepted:
    """What is accepted of a run whose verdicts were made by hand: they are the same for any
    policy.
    """

    def judge(ran: Ran, app: App, boot_s: float) -> tuple[Verdict, ...]:
        return ran.verdicts

    return accepted(run, shop, judge, every_cell=every_cell)


UNAVAILABLE = [*health(3.0, 5.8, UNHEALTHY, code=503), *live(3.0, 5.8)]


def test_each_behaviour_of_a_running_app_has_its_policy() -> None:
    """Unavailable, degraded, unaffected."""
    failed = both(3.0, 5.8, "failed", code=503)
    assert policy_of(running(UNAVAILABLE, failed), at_boot=False) == "unavailable"
    degraded = [*health(3.0, 5.8, DEGRADED), *live(3.0, 5.8)]
    assert policy_of(running(degraded, both(3.0, 5.8)), at_boot=False) == "degrade"
    assert policy_of(running(all_well(3.0, 5.8)), at_boot=False) == "unaffected"
    gone = [*exits(4.0, 1), *boot(5.0, number=2, complete_s=6.2)]
    assert policy_of(running(gone), at_boot=False) == "exit"


def test_each_behaviour_at_boot_has_its_policy() -> None:
    """It exits, waits or starts."""
    gone = [*boot(0.5), *exits(2.0, 1), *boot(5.5, number=2, complete_s=7.0)]
    assert policy_of(at_boot(gone), at_boot=True) == "exit"
    assert policy_of(at_boot(boot(0.5, listens_s=6.5, complete_s=7.0)), at_boot=True) == "wait"
    answers = health(1.2, 5.8, UNHEALTHY, code=503)
    waits = boot(0.5, listens_s=1.0, complete_s=6.5)
    assert policy_of(at_boot(waits, answers), at_boot=True) == "unavailable"
    assert policy_of(at_boot(up(), all_well(1.6, 10.0)), at_boot=True) == "unaffected"


def test_what_no_policy_allows_has_none() -> None:
    """A request that hangs, health that hangs, an exit with 0."""
    silent = both(3.0, 3.8, "indeterminate", code=None, error="TimeoutError", took_s=2.0)
    assert policy_of(running(UNAVAILABLE, silent), at_boot=False) is None
    assert policy_of(running(hanging(3.0, 5.9), live(3.0, 5.8)), at_boot=False) is None
    assert policy_of(at_boot(boot(0.5), exits(2.0, 0)), at_boot=True) is None


def test_a_running_app_whose_health_gives_no_answer_has_no_policy() -> None:
    """A refused connection is no honest answer."""
    gone = {"code": None, "error": "ConnectError: refused"}
    closed = health(3.0, 5.8, HealthState.UNREACHABLE, **gone)  # type: ignore[arg-type]
    facts = running(closed, both(3.0, 5.8, "failed", **gone))
    assert policy_of(facts, at_boot=False) is None
    assert why_no_policy(facts).startswith("/healthcheck gives no answer while the app runs")


def test_an_app_that_waits_at_boot_with_503_must_answer_its_requests() -> None:
    """What hangs is not accepted."""
    waits = boot(0.5, listens_s=1.0, complete_s=6.5)
    silent = both(1.2, 3.8, "indeterminate", code=None, error="ReadTimeout", took_s=2.0)
    facts = at_boot(waits, health(1.2, 5.8, UNHEALTHY, code=503), silent)
    assert policy_of(facts, at_boot=True) is None
    assert why_no_policy(facts) == "order and list hang: no policy allows that"


def test_what_is_wrong_or_not_known_is_refused_with_its_reason() -> None:
    """Only the cell at boot is accepted."""
    seen = found(matrix(boot=Outcome.PASS, running=Outcome.FAIL))
    assert seen.policies == {"web": {"postgres": {"boot": {"refused": "exit"}}}}
    assert seen.refused == {
        "postgres-refused-running": "wrong under any policy: honest_health: 28 of 28 requests "
        "failed"
    }
    unknown = found(matrix(boot=Outcome.PASS, running=Outcome.UNKNOWN))
    assert unknown.refused["postgres-refused-running"].startswith("not known: honest_health")


def test_deadlines_have_room_for_a_slower_machine() -> None:
    """Twice what was observed, and a second."""
    deadlines = found(matrix(boot=Outcome.PASS, running=Outcome.PASS)).deadlines["web"]
    assert deadlines["startup_s"] == 3.0
    assert deadlines["fail_fast_s"] == 4.0


def test_the_file_keeps_its_comments_and_its_own_deadlines(tmp_path: Path) -> None:
    """And the policies that it then has are those of the run."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(FILE)
    run = matrix(boot=Outcome.PASS)
    del run.ran[RUNNING]
    lines = write_accepted(path, found(run))
    assert lines[0] == "accepted: web: postgres, boot: refused exit"
    text = path.read_text()
    assert text.startswith("# the shop\n")
    assert "startup_s = 5  # as the platform has it\n" in text
    app = load_topology(path, kinds=kinds()).apps["web"]
    assert app.policies == {"postgres": Policies(boot={"refused": "exit"})}
    assert (app.deadlines.startup_s, app.deadlines.fail_fast_s) == (5.0, 4.0)


def test_to_accept_twice_changes_nothing(tmp_path: Path) -> None:
    """A second run that shows the same leaves the file as it is."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(FILE)
    seen = found(matrix(boot=Outcome.PASS, running=Outcome.FAIL))
    write_accepted(path, seen)
    once = path.read_bytes()
    assert write_accepted(path, seen)[-1] == f"unchanged: {path}"
    assert path.read_bytes() == once


def test_one_policy_for_every_mode_is_written_as_one_word(tmp_path: Path) -> None:
    """As a person would write it."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(FILE)
    run = matrix(boot=Outcome.PASS)
    before = run.ran.pop(AT_BOOT)
    del run.ran[RUNNING]
    for mode in ("refused", "dropped", "silent", "silent_dead"):
        of = cell(mode, "boot")
        verdicts = (verdict(Outcome.PASS),)
        seen = replace(before.behaviour, cell=of)
        run.ran[of] = replace(before, cell=of, behaviour=seen, verdicts=verdicts)
    write_accepted(path, found(run))
    policies = tomllib.loads(path.read_text())["apps"]["web"]["policies"]
    assert policies == {"postgres": {"boot": "exit"}}


def test_a_table_in_pyproject_is_written_in_its_place(tmp_path: Path) -> None:
    """Below [tool.chaoslab]."""
    path = tmp_path / "pyproject.toml"
    path.write_text(FILE.replace("[", "[tool.chaoslab.", 1).replace("[apps", "[tool.chaoslab.apps")
                    .replace("version = 1\n", "[tool.chaoslab]\nversion = 1\n"))  # fmt: skip
    write_accepted(path, found(matrix(boot=Outcome.PASS, running=Outcome.FAIL)))
    app = load_topology(path, kinds=kinds()).apps["web"]
    assert app.policies["postgres"].of("boot", "refused") == "exit"


@pytest.mark.parametrize("written", ["policies = { postgres = { boot = 'wait' } }", ""])
def test_what_was_accepted_before_is_replaced_by_mode(tmp_path: Path, written: str) -> None:
    """The run claims no policy of the file, so another behaviour is not wrong. Other modes keep the
    policy that they had.
    """
    path = tmp_path / "chaoslab.toml"
    text = FILE.replace('command = ["web"]', f'command = ["web"]\n{written}') + CONTRACT
    path.write_text(text)
    shop = without_policies(load_topology(path, kinds=kinds()))
    back = [*health(7.1, 12.0, number=2), *live(7.1, 12.0, number=2), *both(7.1, 12.0), *end(12.0)]
    gone = [*boot(0.5), *exits(2.0, 1), *boot(5.5, number=2, listens_s=6.5, complete_s=7.0)]
    gone += down(0.6, 1.8)
    events = [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S), *gone, *back]
    run, judge = judged_run(shop, {STEADY: histories()[STEADY], AT_BOOT: events})
    assert run.ran[AT_BOOT].outcome is Outcome.PASS
    write_accepted(path, accepted(run, shop, judge, every_cell=False))
    policies = load_topology(path, kinds=kinds()).apps["web"].policies["postgres"]
    assert policies.of("boot", "refused") == "exit"
    assert policies.of("boot", "silent") == ("wait" if written else None)


def test_a_run_that_claims_no_policy_has_no_known_gap_in_one() -> None:
    """Its verdict is not there; a gap in what is wrong under any policy stays."""
    day = date(2026, 6, 1)
    mine, other = (
        KnownGap(run=AT_BOOT.name, verdict=name, reason="PR", owner="me", since=day, expires=day)
        for name in ("exits", "comes_back")
    )
    web = replace(SHOP.apps["web"], policies={"postgres": Policies(boot={"refused": "exit"})})
    shop = without_policies(replace(SHOP, apps={"web": web}, known_gaps=(mine, other)))
    assert shop.known_gaps == (other,)
    assert shop.apps["web"].policies == {}
    assert without_policies(replace(SHOP, known_gaps=(mine,))).known_gaps == (mine,)


def test_what_the_app_needs_is_written_beside_its_policies(tmp_path: Path) -> None:
    """For the modes whose policy at boot is accepted."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(FILE)
    seen = found(matrix(boot=Outcome.PASS, running=Outcome.FAIL))
    assert seen.needs == {"web": {"postgres": {"refused": "hard"}}}
    assert "accepted: web needs postgres: refused hard" in write_accepted(path, seen)
    needs = load_topology(path, kinds=kinds()).apps["web"].needs
    assert needs == {"postgres": {"refused": "hard"}}
    assert found(matrix(boot=Outcome.FAIL, running=Outcome.PASS)).needs == {}
