"""Which cells a topology has, and which are chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.errors import SpecError
from chaoslab.matrix.cells import cells, chosen
from chaoslab.model.cell import Cell
from chaoslab.model.topology import App, Service, Topology

SHOP = Topology(
    name="shop",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
    },
    apps={"web": App(name="web", command=("web",), links=("postgres",))},
)
TWO = replace(
    SHOP,
    apps={**SHOP.apps, "worker": App(name="worker", command=("w",), links=("redis",))},
)


def test_a_link_has_each_fault_at_each_moment() -> None:
    """The names are those of options and folders."""
    assert [cell.name for cell in cells(SHOP)] == [
        "steady",
        "postgres-refused-boot",
        "postgres-dropped-boot",
        "postgres-silent-boot",
        "postgres-silent_dead-boot",
        "postgres-refused-running",
        "postgres-dropped-running",
        "postgres-silent-running",
        "postgres-silent_dead-running",
        "postgres-stopped-running",
        "postgres-restarted-running",
        "postgres-silent-sigterm",
    ]


def test_names_have_the_app_where_there_are_several() -> None:
    """Only an app's own links have cells, and no name is there twice."""
    names = [cell.name for cell in cells(TWO)]
    assert names[0] == "web-steady"
    assert "worker-redis-silent-boot" in names
    assert "worker-postgres-silent-boot" not in names
    assert len(set(names)) == len(names)


def test_an_app_without_links_has_its_steady_state() -> None:
    """Nothing can be injected."""
    alone = replace(SHOP, apps={"web": App(name="web", command=("web",))})
    assert [cell.name for cell in cells(alone)] == ["steady"]


def test_a_choice_always_has_the_steady_state_of_its_app() -> None:
    """The other cells are compared with it."""
    mine = chosen(cells(TWO), ["worker-redis-silent-boot"])
    assert [cell.name for cell in mine] == ["worker-steady", "worker-redis-silent-boot"]


def test_a_choice_by_fault_has_every_moment() -> None:
    """Of every link."""
    mine = chosen(cells(SHOP), faults=["silent"])
    assert [cell.name for cell in mine] == [
        "steady",
        "postgres-silent-boot",
        "postgres-silent-running",
        "postgres-silent-sigterm",
    ]


def test_an_unknown_name_is_reported_with_the_near_one() -> None:
    """All unknown names at once."""
    with pytest.raises(SpecError) as error:
        chosen(cells(SHOP), ["postgres-refused-bot", "steady", "nothing"])
    assert "did you mean 'postgres-refused-boot'" in str(error.value)
    assert len(error.value.problems) == 2


def test_a_choice_of_no_cell_is_a_mistake() -> None:
    """A run of nothing would be green."""
    with pytest.raises(SpecError) as error:
        chosen(cells(SHOP), ["postgres-refused-boot"], ["silent"])
    (problem,) = error.value.problems
    assert problem.reason.code == "matrix.no_cell"


def test_a_label_is_for_people() -> None:
    """Without the app."""
    cell = Cell(app="web", target="postgres", fault="silent_dead", moment="boot")
    assert cell.label == "postgres silent, then dead, at boot"
