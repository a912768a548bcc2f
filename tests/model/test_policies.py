"""What an app is to do without a service is read from the topology, by moment and mode."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from pydantic_core import to_json
from rich.console import Console

from chaoslab import services
from chaoslab.history.saved_topology import read_topology_json
from chaoslab.model.loader import read_topology
from chaoslab.model.policy import CutMode, OutageMode, Policies, Policy
from chaoslab.model.topology import Topology
from chaoslab.report.topology_text import topology_tree

from .topologies import BASE

MODES: tuple[OutageMode, ...] = get_args(OutageMode)
DECLARED = """
[apps.backend.policies.postgres]
boot = "exit"
running = { refused = "degrade", silent = "unavailable" }
"""


def declared(folder: Path, text: str = DECLARED) -> Topology:
    path = folder / "chaoslab.toml"
    path.write_text(BASE + text, encoding="utf-8")
    return read_topology(path, kinds=services.kinds())


def of_postgres(folder: Path) -> Policies:
    return declared(folder).apps["backend"].policies["postgres"]


@pytest.mark.parametrize("mode", MODES)
def test_one_policy_is_that_of_every_mode(tmp_path: Path, mode: OutageMode) -> None:
    """`boot = "exit"` needs no table."""
    assert of_postgres(tmp_path).of("boot", mode) == "exit"


@pytest.mark.parametrize(
    ("mode", "policy"),
    [
        ("refused", "degrade"),
        ("silent", "unavailable"),
        ("silent_dead", "unavailable"),
        ("dropped", None),
        ("stopped", None),
    ],
)
def test_a_table_has_a_policy_for_each_mode_that_it_names(
    tmp_path: Path, mode: OutageMode, policy: Policy | None
) -> None:
    """Dead connections at the heal do not change the outage, so they need no policy of their
    own.
    """
    assert of_postgres(tmp_path).of("running", mode) == policy


def test_dead_connections_may_have_a_policy_of_their_own() -> None:
    """It comes before that of `silent`."""
    mine = Policies(running={"silent": "degrade", "silent_dead": "wait"})
    assert mine.of("running", "silent_dead") == "wait"


def test_a_service_without_a_table_has_no_policy(tmp_path: Path) -> None:
    """Nothing is claimed that the file does not declare."""
    assert declared(tmp_path, "").apps["backend"].policies == {}
    assert Policies().of("boot", "refused") is None


def test_policies_are_kept_in_the_file_of_a_run(tmp_path: Path) -> None:
    """A saved run is judged again by the same policies."""
    topology = declared(tmp_path)
    assert read_topology_json(to_json(topology)).apps == topology.apps


def test_a_topology_that_was_saved_without_policies_is_still_read(tmp_path: Path) -> None:
    """Runs of older versions stay readable."""
    saved = to_json(declared(tmp_path, "")).replace(b'"policies":{},', b"")
    assert b"policies" not in saved
    assert read_topology_json(saved).apps["backend"].policies == {}


def test_check_shows_the_policies(tmp_path: Path) -> None:
    """One policy for every mode is written once."""
    console = Console(width=120, file=StringIO())
    with console.capture() as shown:
        console.print(topology_tree(declared(tmp_path)))
    assert "at boot: exit; running: refused degrade, silent unavailable" in shown.get()


def test_needs_are_read_by_service_and_mode(tmp_path: Path) -> None:
    """One word is that of every mode; a saved run has them."""
    table = '[apps.backend.needs]\npostgres = { refused = "hard only at boot", silent = "soft" }\n'
    topology = declared(tmp_path, table)
    needs = topology.apps["backend"].needs
    assert needs["postgres"] == {"refused": "hard only at boot", "silent": "soft"}
    assert read_topology_json(to_json(topology)).apps == topology.apps
    word = declared(tmp_path, '[apps.backend.needs]\npostgres = "soft"\n')
    assert word.apps["backend"].needs["postgres"] == dict.fromkeys(get_args(CutMode), "soft")
