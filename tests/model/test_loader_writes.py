"""Mistakes in `writes` and `phases`: what could never be found again is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.model.loader import read_topology

from .topologies import BASE, said


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
    ("old", "new", "problem"),
    [
        ('service = "postgres"', 'service = "redis"', "'redis' is a redis"),
        ('service = "postgres"', 'service = "pg"', "unknown service 'pg'"),
        ('"/threads"', '"/threads/{di}{id}"', "unknown placeholder '{di}'"),
        (
            'table = "threads"',
            'table = "threads"\nread_path = "/t/{id}"',
            "unknown key 'read_path'",
        ),
        ('{ id = "{id}" }', '{ title = "x" }', "has no {id}"),
        ('{ id = "{id}" }', '{ id = "{id}", t = "{t}" }', "create_body.t: unknown placeholder"),
        ('"/threads"', '"/threads/{key}"', "create_path: unknown placeholder '{key}'"),
        ('{ id = "{id}" }', '{ id = "{id}", n = 3 }', "got 3 (a whole number)"),
        ('table = "threads"', 'table = ""', "got '' (a string)"),
        ('table = "threads"', "", "missing key 'table'"),
        ('table = "threads"', 'table = "t"\ndelivery = "once"', "exactly_once, at_least_once"),
        ('table = "threads"', 'table = "t"\nkept_within_s = -1', "got -1"),
    ],
)
def test_a_write_that_could_never_be_found_again_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    """The write contract must name a linked Postgres, carry the id, and say where the row lies."""
    (only,) = said(tmp_path, BASE + WRITES.replace(old, new))
    assert only.startswith("apps.backend.writes")
    assert problem in only


def test_the_id_may_stand_in_the_path_that_creates(tmp_path: Path) -> None:
    """Some APIs name the row in the path and not in the body."""
    text = WRITES.replace('"/threads"', '"/threads/{id}"').replace('{ id = "{id}" }', '{ t = "x" }')
    path = tmp_path / "chaoslab.toml"
    path.write_text(BASE + text, encoding="utf-8")
    writes = read_topology(path, kinds=services.kinds()).apps["backend"].writes
    assert writes is not None
    assert writes.create_path == "/threads/{id}"


def test_a_write_may_come_late_and_more_than_once_where_that_is_declared(tmp_path: Path) -> None:
    """At once and exactly once unless it is."""
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
    """A row can only land where the app can reach."""
    (only,) = said(tmp_path, BASE.replace('links = ["postgres"]', "") + WRITES)
    assert only == (
        "apps.backend.writes.service: app 'backend' has no link to 'postgres'\n"
        "  add 'postgres' to apps.backend.links"
    )


@pytest.mark.parametrize(
    ("health", "problem"),
    [
        (
            'phases = ["init"]',
            "apps.backend.health.phases: no path publishes phases\n"
            "  expected a startup_path, from which the phases are read; "
            "add startup_path to apps.backend.health",
        ),
        (
            'startup_path = "/s"\nphases = ["init", "cache", "init"]',
            "apps.backend.health.phases[2]: 'init' is named twice\n  expected each phase once",
        ),
        (
            'startup_path = "/s"\nphases = [""]',
            "apps.backend.health.phases[0]: got '' (a string)\n"
            "  expected a list of strings, the phases of every start-up",
        ),
        (
            'startup_path = "/s"\nphases = "init"',
            "apps.backend.health.phases: got 'init' (a string)\n"
            "  expected a list of strings, the phases of every start-up",
        ),
    ],
)
def test_phases_are_named_once_and_read_from_somewhere(
    tmp_path: Path, health: str, problem: str
) -> None:
    """A phase that nothing could ever publish would fail every start."""
    (only,) = said(tmp_path, BASE + f"[apps.backend.health]\n{health}\n")
    assert only == problem
