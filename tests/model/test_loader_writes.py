"""Mistakes in `writes` and `phases`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, wrong

from chaoslab import services
from chaoslab.model.loader import read_topology

from .topologies import BASE, bad, problems_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


WRITES = """
[apps.backend.writes]
service = "postgres"
create_path = "/threads"
create_body = { id = "{id}" }
table = "threads"
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'service = "postgres"',
            'service = "redis"',
            wrong(
                "apps.backend.writes.service",
                "topology.keeps_no_rows",
                service="redis",
                kind="redis",
            ),
        ),
        (
            'service = "postgres"',
            'service = "pg"',
            wrong(
                "apps.backend.writes.service",
                "name.unknown",
                "postgres, redis",
                kind="service",
                name="pg",
            ),
        ),
        (
            '"/threads"',
            '"/threads/{di}{id}"',
            wrong(
                "apps.backend.writes.create_path", "name.unknown", kind="placeholder", name="{di}"
            ),
        ),
        (
            'table = "threads"',
            'table = "threads"\nread_path = "/t/{id}"',
            wrong(
                "apps.backend.writes.read_path",
                "topology.unknown_key",
                "did you mean 'create_path'?",
                key="read_path",
            ),
        ),
        (
            '{ id = "{id}" }',
            '{ title = "x" }',
            wrong(
                "apps.backend.writes.create_body",
                "topology.no_id",
                "the placeholder {id}, the row's own UUID",
            ),
        ),
        (
            '{ id = "{id}" }',
            '{ id = "{id}", t = "{t}" }',
            wrong(
                "apps.backend.writes.create_body.t", "name.unknown", kind="placeholder", name="{t}"
            ),
        ),
        (
            '"/threads"',
            '"/threads/{key}"',
            wrong(
                "apps.backend.writes.create_path", "name.unknown", kind="placeholder", name="{key}"
            ),
        ),
        (
            '{ id = "{id}" }',
            '{ id = "{id}", n = 3 }',
            bad("apps.backend.writes.create_body.n", "3", "a whole number", '"3"'),
        ),
        (
            'table = "threads"',
            'table = ""',
            bad("apps.backend.writes.table", "''", "a string", "a string, the table of the row"),
        ),
        (
            'table = "threads"',
            "",
            wrong(
                "apps.backend.writes",
                "topology.missing_key",
                "a string, the table of the row",
                key="table",
            ),
        ),
        (
            'table = "threads"',
            'table = "t"\ndelivery = "once"',
            bad(
                "apps.backend.writes.delivery", "'once'", "a string", "exactly_once, at_least_once"
            ),
        ),
        (
            'table = "threads"',
            'table = "t"\nkept_within_s = -1',
            bad(
                "apps.backend.writes.kept_within_s",
                "-1",
                "a whole number",
                "a number of seconds, 0 or more",
            ),
        ),
    ],
)
def test_a_write_that_could_never_be_found_again_is_refused(
    tmp_path: Path, old: str, new: str, expected: Expected
) -> None:
    """The contract must name a linked database, the id, and where the row is."""
    (problem,) = problems_of(tmp_path, BASE + WRITES.replace(old, new))
    expected.check(problem)


def test_the_id_may_stand_in_the_path_that_creates(tmp_path: Path) -> None:
    """Some APIs name the row in the path and not in the body."""
    text = WRITES.replace('"/threads"', '"/threads/{id}"').replace('{ id = "{id}" }', '{ t = "x" }')
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + text, encoding="utf-8")
    writes = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert writes is not None
    assert writes.create_path == "/threads/{id}"


def test_a_write_may_come_late_and_more_than_once_where_that_is_declared(tmp_path: Path) -> None:
    """Without a declaration it must be there at once and exactly once."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + WRITES, encoding="utf-8")
    usual = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert usual is not None
    assert (usual.delivery, usual.kept_within_s) == ("exactly_once", 0.0)
    declared = 'delivery = "at_least_once"\nkept_within_s = 2\n'
    path.write_text(BASE + WRITES + declared, encoding="utf-8")
    writes = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert writes is not None
    assert (writes.delivery, writes.kept_within_s) == ("at_least_once", 2.0)


def test_a_write_needs_the_apps_own_link_to_the_database(tmp_path: Path) -> None:
    """The app can only write to a service that it has a link to."""
    (problem,) = problems_of(tmp_path, BASE.replace('links = ["postgres"]', "") + WRITES)
    place, hint = "apps.backend.writes.service", "add 'postgres' to apps.backend.links"
    wrong(place, "topology.no_link", hint, app="backend", service="postgres").check(problem)


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (
            'phases = ["init"]',
            wrong("apps.backend.health.phases", "topology.no_startup_path", "startup_path"),
        ),
        (
            'startup_path = "/s"\nphases = ["init", "cache", "init"]',
            wrong(
                "apps.backend.health.phases[2]",
                "topology.named_twice",
                "each phase once",
                name="init",
            ),
        ),
        (
            'startup_path = "/s"\nphases = [""]',
            bad("apps.backend.health.phases[0]", "''", "a string"),
        ),
        (
            'startup_path = "/s"\nphases = "init"',
            bad("apps.backend.health.phases", "'init'", "a string"),
        ),
    ],
)
def test_phases_are_named_once_and_read_from_somewhere(
    tmp_path: Path, health: str, expected: Expected
) -> None:
    """Without a path that publishes phases every start would fail."""
    (problem,) = problems_of(tmp_path, BASE + f"[apps.backend.health]\n{health}\n")
    expected.check(problem)
