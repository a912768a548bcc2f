"""The folder of a run: topology and plan are saved before it, and read back the same."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from chaoslab import Severed
from chaoslab.errors import SpecError
from chaoslab.expectations import Recovers, Starts
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder, RunInfo, scenario_folders
from chaoslab.model.expectation import UnknownExpectation
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.requests import Found, RequestContract
from chaoslab.model.topology import App, Connector, Service, Topology
from chaoslab.model.when import degraded
from chaoslab.registry import kinds

from .one_of_each import EVENTS

TOPOLOGY = Topology(
    name="t",
    services={"postgres": Service(name="postgres", kind="postgres")},
    apps={
        "b": App(
            name="b",
            command=("{python}", "app.py"),
            links=("postgres",),
            requests={
                "write": RequestContract(
                    name="write",
                    kind="write",
                    method="POST",
                    path="/t",
                    body={"id": "{id}"},
                    found=Found(service="postgres", table="t"),
                )
            },
        )
    },
    connectors={"vpc": Connector(name="vpc", links=("b.postgres",))},
)
PLAN = resolve(
    Plan(
        name="a plan",
        faults=(Severed(target="vpc", stop=degraded(0.5)),),
        expect=(Starts(), Recovers()),
    ),
    TOPOLOGY,
)
INFO = RunInfo(
    scenario="a plan",
    seed=2**63,
    runtime="local",
    proxy="embedded",
    started_at="2026-01-01T00:00:00+00:00",
    chaoslab="0.1.0",
    python="3.11",
    machine="Linux",
)


def saved(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.save_before(TOPOLOGY, PLAN, INFO)
    return folder


def test_topology_plan_and_info_read_back_as_they_were(tmp_path: Path) -> None:
    """The folder is made."""
    folder = saved(tmp_path / "results" / "run")
    assert (folder.topology(), folder.plan(kinds()), folder.info()) == (TOPOLOGY, PLAN, INFO)


def test_the_history_is_read_from_where_the_journal_wrote_it(tmp_path: Path) -> None:
    """It can be read while the run continues."""
    folder = saved(tmp_path)
    journal = Journal(folder.history_path)
    journal.append(EVENTS[0])
    assert folder.history().events == (EVENTS[0],)
    journal.close()


@pytest.mark.parametrize("name", ["topology.json", "plan.json", "run.json"])
@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"name": 3, "faults": 3}', '{"name": 3, "faults": [3]}', "no json"]
)
def test_a_file_that_is_missing_or_foreign_is_named(
    name: str, content: str | None, tmp_path: Path
) -> None:
    """The error is a SpecError with the name of the file, and no traceback."""
    folder = saved(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    read = {
        "topology.json": folder.topology,
        "plan.json": partial(folder.plan, kinds()),
        "run.json": folder.info,
    }
    with pytest.raises(SpecError, match=name):
        read[name]()


def test_a_run_holds_its_scenarios_in_the_order_of_their_names(tmp_path: Path) -> None:
    """The folder of one scenario is a run with one scenario."""
    for name in ("b", "a", "c"):
        saved(tmp_path / name)
    assert [folder.path.name for folder in scenario_folders(tmp_path)] == ["a", "b", "c"]
    assert [folder.path.name for folder in scenario_folders(tmp_path / "b")] == ["b"]


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    """The folder is empty, or does not exist."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SpecError, match="contains no run"):
            list(scenario_folders(path))


def test_a_plan_saved_twice_is_the_last_one(tmp_path: Path) -> None:
    """Saving into the same folder replaces the plan."""
    folder = saved(tmp_path)
    folder.save_before(TOPOLOGY, replace(PLAN, limit_s=5.0), INFO)
    assert folder.plan(kinds()).limit_s == 5.0


def test_an_expectation_that_nobody_here_judges_is_kept_with_its_values(tmp_path: Path) -> None:
    """Judging the run then gives UNKNOWN with its name. The file is not called damaged."""
    folder = saved(tmp_path)
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["expect"] = [{"kind": "warms_cache", "app": "app", "rests_on": [], "hit_rate": 0.9}]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (strange,) = folder.plan(kinds()).expect
    assert isinstance(strange, UnknownExpectation)
    assert (strange.kind, strange.app, strange.values) == ("warms_cache", "app", {"hit_rate": 0.9})
