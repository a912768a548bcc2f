"""`[[known_gaps]]`: the data that the loader makes, and every mistake, each with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.history.saved_topology import read_topology_json
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.loader import read_topology
from chaoslab.model.topology import Topology

GAP = (
    '[[known_gaps]]\nrun = "steady"\nverdict = "starts"\nreason = "PR 1"\nowner = "me"\n'
    "since = 2026-01-01\nexpires = 2026-12-31\n"
)


def loaded(folder: Path, text: str) -> Topology:
    path = folder / "chaoslab.toml"
    path.write_text('version = 1\n[apps.app]\ncommand = ["x"]\n' + text)
    return read_topology(path, kinds=services.kinds())


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text)
    return [
        f"{problem.where.partition(': ')[2]} {problem.code}" for problem in caught.value.problems
    ]


def test_a_gap_is_read_and_saved_with_its_dates(tmp_path: Path) -> None:
    """The topology of a run has them as well."""
    topology = loaded(tmp_path, GAP)
    (gap,) = topology.known_gaps
    assert gap == KnownGap(
        run="steady",
        verdict="starts",
        reason="PR 1",
        owner="me",
        since=date(2026, 1, 1),
        expires=date(2026, 12, 31),
    )
    saved = TypeAdapter(Topology).dump_json(topology)
    assert read_topology_json(saved).known_gaps == (gap,)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2026-12-31", "2025-12-31", "known_gaps[0].expires known_gap.expires_first"),
        ("2026-12-31", '"2026-12-31"', "known_gaps[0].expires topology.bad_value"),
        ("2026-12-31", "2026-12-31T00:00:00", "known_gaps[0].expires topology.bad_value"),
        ('"me"', '""', "known_gaps[0].owner topology.bad_value"),
        ("since", "sinc", "known_gaps[0].sinc topology.unknown_key"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """A gap without a last day would never end."""
    assert problem in problems(tmp_path, GAP.replace(old, new, 1))


def test_a_verdict_of_a_run_is_declared_once(tmp_path: Path) -> None:
    """Two gaps of one verdict could have two last days."""
    assert problems(tmp_path, GAP + GAP) == ["known_gaps[1] topology.named_twice"]
