"""Requests that a scenario declares, as the tables of a topology file."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, wrong

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.loader import read_topology
from chaoslab.model.loader.scenario_requests import Requests, with_requests
from chaoslab.model.topology import Topology

from .topologies import BASE

KEPT = """
[apps.backend.requests.order]
kind = "write"
path = "/orders/{id}"
"""
SEEN = {"kind": "read", "of": "order", "path": "/orders/{id}"}


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    (tmp_path / "t.toml").write_text(BASE + KEPT)
    return read_topology(tmp_path / "t.toml", kinds=services.kinds())


def test_they_stand_beside_those_of_the_topology(topology: Topology) -> None:
    """They may refer to them, and one of the same name replaces them."""
    added = with_requests(topology, {"backend": {"seen": SEEN}}, services.kinds())
    assert [*added.apps["backend"].requests] == ["order", "seen"]
    other = {"kind": "page", "path": "/"}
    replaced = with_requests(topology, {"backend": {"order": other}}, services.kinds())
    assert replaced.apps["backend"].requests["order"].kind == "page"
    assert with_requests(topology, {}, services.kinds()) is topology


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        (
            {"back": {"seen": SEEN}},
            wrong("", "name.unknown", "backend", kind="app", name="back"),
        ),
        (
            {"backend": {"seen": {**SEEN, "of": "odrer"}}},
            wrong(
                "apps.backend.requests.seen.of",
                "name.unknown",
                "did you mean 'order'?",
                kind="request",
                name="odrer",
            ),
        ),
        (
            {"backend": {"seen": {"kind": "read"}}},
            wrong("apps.backend.requests.seen", "topology.missing_key", key="path"),
        ),
    ],
)
def test_a_mistake_in_them_is_a_problem_with_its_place(
    topology: Topology, requests: Requests, expected: Expected
) -> None:
    """As in the file."""
    with pytest.raises(SpecError) as caught:
        with_requests(topology, requests, services.kinds())
    (problem,) = caught.value.problems
    expected.check(problem)
