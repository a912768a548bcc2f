"""The matrix on a system that runs already: which cells are run, in which order, what is said."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rigs.cell_histories import (
    all_well,
    boot,
    both,
    end,
    fault,
    health,
    live,
    refused,
    topology,
    up,
)

from chaoslab.behaviour.described import Behaviour, described
from chaoslab.behaviour.steady import Problem, problem_of
from chaoslab.errors import FaultUnsupported, SpecError
from chaoslab.evidence.soundness import LATE
from chaoslab.history.events import AnyEvent, FirstAnswer, Spawned
from chaoslab.history.journal import History
from chaoslab.lab.carry_out import Setting
from chaoslab.matrix.accept import accepted
from chaoslab.matrix.attached import narrowed, why_not_run
from chaoslab.matrix.cells import cells
from chaoslab.matrix.decision import decide
from chaoslab.matrix.plans import plan_of
from chaoslab.matrix.run import Matrix, MatrixRun, Ran
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.policy import Policies
from chaoslab.model.topology import App, Attach, Service, Topology
from chaoslab.runtimes.attach.refusals import refuse

from .test_shown import TODAY

URL = "http://127.0.0.1:8080"
ATTACH = Attach(
    toxiproxy="http://127.0.0.1:8474",
    apps={"web": URL, "mail": "http://127.0.0.1:8081"},
    links={"web.postgres": "pg", "mail.redis": "cache"},
    services={"postgres": "postgresql://127.0.0.1:5432/app", "redis": "redis://127.0.0.1:6379"},
)
SHOP = replace(topology(), attach=ATTACH)
MAIL = App(name="mail", command=("mail",), links=("redis",))
BOTH = replace(
    SHOP,
    services={**SHOP.services, "redis": Service(name="redis", kind="redis")},
    apps={**SHOP.apps, "mail": MAIL},
)
STEADY, *OTHERS = cells(SHOP)
TRIED = [cell for cell in OTHERS if not why_not_run(cell, SHOP)]
UNHEALTHY = HealthState.UNHEALTHY


def test_the_cells_that_start_and_stop_nothing_are_run() -> None:
    """Faults on the link while the app runs; each other cell has its reason."""
    assert [cell.name for cell in TRIED] == [
        "postgres-refused-running",
        "postgres-dropped-running",
        "postgres-silent-running",
        "postgres-silent_dead-running",
    ]
    whys = {why for cell in OTHERS if (why := why_not_run(cell, SHOP))}
    assert whys == {
        "attach mode does not start the app",
        "attach mode does not stop the app",
        "attach mode does not stop a service",
    }


def test_a_link_without_a_proxy_and_a_policy_about_exits_are_not_tried() -> None:
    """The lab may change no other proxy, and it does not observe whether the process ends."""
    bare = replace(SHOP, attach=replace(ATTACH, links={}))
    assert "the lab may change no proxy" in why_not_run(TRIED[0], bare)
    policies = {"postgres": Policies(running={"refused": "exit", "silent": "unavailable"})}
    shop = replace(SHOP, apps={"web": replace(SHOP.apps["web"], policies=policies)})
    assert "its policy is exit" in why_not_run(TRIED[0], shop)
    assert why_not_run(TRIED[2], shop) == ""


@pytest.mark.parametrize("cell", [STEADY, *TRIED], ids=str)
def test_attach_mode_can_carry_out_the_plan_of_each_such_cell(cell: Cell) -> None:
    """The runtime refuses none of them; it would refuse the plan of a lab that starts the app."""
    refuse(resolve(plan_of(cell, SHOP, boot_s=0.0, attached=True), SHOP), SHOP, ATTACH)
    with pytest.raises(FaultUnsupported):
        refuse(resolve(plan_of(STEADY, SHOP), SHOP), SHOP, ATTACH)


def test_nothing_is_claimed_of_what_the_lab_does_not_observe() -> None:
    """No exit and no count of connects; the steady state has a length without a stop."""
    plan = resolve(plan_of(TRIED[0], SHOP, attached=True), SHOP)
    assert {e.kind for e in plan.expect} == {"comes_back", "honest_health"}
    steady = resolve(plan_of(STEADY, SHOP, attached=True), SHOP)
    assert steady.expect == ()
    assert steady.boots[0].stop is None
    assert [step.name for step in steady.steps] == ["watched"]


def test_the_url_names_the_one_app_that_is_touched() -> None:
    """Neither the other app nor its link and service is used; a slash at the end is no other."""
    narrow, app = narrowed(BOTH, ATTACH, f"{URL}/")
    assert app == "web"
    assert narrow.attach == replace(
        ATTACH,
        apps={"web": URL},
        links={"web.postgres": "pg"},
        services={"postgres": ATTACH.services["postgres"]},
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:8080", "http://x:y", ""])
def test_another_url_is_the_users_mistake(url: str) -> None:
    """The declared ones are named."""
    with pytest.raises(SpecError, match=r"\[attach.apps\] declares no app at") as raised:
        narrowed(SHOP, ATTACH, url)
    assert URL in str(raised.value)


def behaviour(cell: Cell, *events: list[AnyEvent]) -> Behaviour:
    """What an app that ran before the lab did in a cell."""
    every = [event for group in events for event in group]
    every = [replace(e, standing=True, pid=0) if isinstance(e, Spawned) else e for e in every]
    plan = resolve(plan_of(cell, SHOP, boot_s=0.0, attached=True), SHOP)
    return described(cell, SHOP, plan, History(tuple(sorted(every, key=lambda e: e.at_s))))


STEADILY = [up(), all_well(1.6, 3.5), end(4.0)]
OUTAGE = [
    up(),
    all_well(1.6, 3.0),
    fault(),
    refused(),
    health(3.0, 6.0, UNHEALTHY, code=503),
    live(3.0, 6.0),
    both(3.0, 6.0, "failed", code=500),
    all_well(6.4, 10.0),
    end(),
]


def test_a_running_app_is_described_without_start_exit_and_stop() -> None:
    """The time to its first answer is no start-up."""
    text = behaviour(STEADY, *STEADILY).sentence
    assert text == "runs already, /healthcheck 200 healthy, /liveness 200, requests ok"
    text = behaviour(TRIED[0], *OUTAGE).sentence
    assert text.startswith("/healthcheck 503 unhealthy, /liveness 200, requests answer 500; back ")


def test_a_running_app_that_is_not_healthy_is_shown_by_its_last_answer() -> None:
    """Nothing is said of its start-up, which the lab did not observe."""
    spawn = replace(boot(0.5)[0], standing=True, pid=0)
    first = FirstAnswer(at_s=0.6, app="web", boot=1, status_code=503)
    events = [spawn, first, *health(0.6, 4.0, UNHEALTHY, code=503), *end(4.0)]
    history = History(tuple(sorted(events, key=lambda e: e.at_s)))
    found = problem_of(behaviour(STEADY, events), SHOP.apps["web"], history)
    assert found is not None
    assert [reason.code for reason in found.because] == ["health.answered"]


def test_no_start_up_is_accepted_from_a_running_app() -> None:
    """The policy of the cell is. Nothing shows how long a start-up takes, of whatever cells."""
    ran = {
        cell: Ran(cell=cell, behaviour=behaviour(cell, *events))
        for cell, events in ((STEADY, STEADILY), (TRIED[0], OUTAGE))
    }
    run = MatrixRun(folder=Path("/results/run-1"), ran=ran)
    found = accepted(run, SHOP, lambda ran, app, boot_s: ran.verdicts, every_cell=True)
    assert found.policies == {"web": {"postgres": {"running": {"refused": "unavailable"}}}}
    assert "startup_s" not in found.deadlines["web"]
    assert "recovery_s" in found.deadlines["web"]


class Scripted(Matrix):
    """Runs nothing. `looks` says for each run of the steady state whether it is as it should be."""

    def __init__(self, folder: Path, looks: Sequence[bool], shop: Topology = SHOP) -> None:
        said: list[str] = []
        super().__init__(shop, Setting(seed=1), folder, workers=1, say=said.append, attached=True)
        self.said, self.tried = said, list[str]()
        self._looks: Iterator[bool] = iter(looks)

    async def _carried_out(self, cell: Cell, plan: Plan, path: Path) -> Ran:
        self.tried.append(path.name)
        seen = behaviour(cell, *(STEADILY if cell.steady else OUTAGE))
        return Ran(cell=cell, behaviour=seen, folder=path)

    def _problem_of(self, ran: Ran) -> Problem | None:
        if next(self._looks):
            return None
        return Problem(app="web", because=(LATE(late_s=9.0),), log=(), fix="")


async def test_the_cells_come_one_by_one_each_after_a_look_at_the_steady_state(
    tmp_path: Path,
) -> None:
    """The folder of a good look is removed."""
    matrix = Scripted(tmp_path, [True] * 5)
    result = await matrix.run((STEADY, *OTHERS))
    expected = ["steady"]
    for cell in TRIED:
        expected += [cell.name, f"steady-after-{cell.name}"]
    assert matrix.tried == expected
    assert sorted(os.listdir(tmp_path)) == sorted(expected[:1] + expected[1::2])
    assert [ran.cell for ran in result.ran.values()] == [STEADY, *OTHERS]
    assert sum(ran.possible for ran in result.ran.values()) == 5
    assert matrix.said[-1].startswith("5/5 postgres-silent_dead-running")
    decision = decide(result, SHOP, 12, gate=False, today=TODAY)
    assert (decision.exit_code, decision.unknown) == (0, ())
    assert decision.text == "wrong under any policy: none of 5 known cells; not possible here: 7"


async def test_no_cell_is_run_on_an_app_that_is_not_as_before(tmp_path: Path) -> None:
    """The run stops there, says after which cell and what is missing, and fails."""
    quick = replace(SHOP.apps["web"].deadlines, recovery_s=0.0)
    shop = replace(SHOP, apps={"web": replace(SHOP.apps["web"], deadlines=quick)})
    matrix = Scripted(tmp_path, [True, False, False], shop)
    result = await matrix.run((STEADY, *OTHERS))
    assert matrix.tried[:3] == ["steady", TRIED[0].name, f"steady-after-{TRIED[0].name}"]
    assert TRIED[1].name not in matrix.tried
    (problem,) = result.problems
    assert problem.after == TRIED[0].name
    decision = decide(result, shop, 12, gate=False, today=TODAY)
    assert decision.exit_code == 1
    assert decision.text == (
        "stopped after postgres-refused-running: web is not as in its steady state again; "
        "3 of 12 cells were not run"
    )


async def test_the_lab_waits_until_the_app_is_as_before(tmp_path: Path) -> None:
    """A look that is not good is repeated within the deadline to recover."""
    matrix = Scripted(tmp_path, [True, False, True])
    result = await matrix.run((STEADY, TRIED[0]))
    assert matrix.tried[2:] == [f"steady-after-{TRIED[0].name}"] * 2
    assert result.problems == []
