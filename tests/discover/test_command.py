"""`chaoslab init` where nothing is started: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab import services
from chaoslab.cli import main
from chaoslab.discover.command import SCENARIO, TOPOLOGY
from chaoslab.model.loader.topology import read_topology

from .folders import COMPOSE, folder_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; no variable of this machine names a server."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "PGHOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def init(*words: str) -> Result:
    return CliRunner().invoke(main, ["init", *words])


def test_it_writes_a_topology_and_a_scenario(here: Path) -> None:
    """Two files are written, which the loader and Python read; nothing else."""
    folder_of(here, {".env": "DATABASE_URL=postgresql://u:p@h/d"})
    done = init("--no-start", "--", "node", "server.js")
    assert done.exit_code == 0, done.output
    topology = read_topology(here / TOPOLOGY, kinds=services.kinds())
    assert topology.apps[topology.name].command == ("node", "server.js")
    compile((here / SCENARIO).read_text(), SCENARIO, "exec")
    names = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()}
    assert names == {".env", TOPOLOGY, SCENARIO}


def test_it_never_replaces_a_file_unasked(here: Path) -> None:
    """An existing topology is an error before anything else; with --force it is replaced. An
    existing scenario is kept.
    """
    folder_of(here, {TOPOLOGY: "mine", SCENARIO: "mine too"})
    done = init("--no-start", "--service", "db=postgres", "--", "serve")
    assert done.exit_code == 2
    assert "codes: init.file_exists" in done.output
    assert (here / TOPOLOGY).read_text() == "mine"
    done = init("--no-start", "--force", "--service", "db=postgres", "--", "serve")
    assert done.exit_code == 0, done.output
    assert (here / TOPOLOGY).read_text() != "mine"
    assert (here / SCENARIO).read_text() == "mine too"


def test_a_service_without_a_placeholder_is_noted(here: Path) -> None:
    """A named service whose address the app does not get is declared, and a note says so."""
    done = init("--no-start", "--service", "db=postgres", "--", "serve")
    assert "db: the app does not get its address" in done.output
    assert "{db.url}" in (here / TOPOLOGY).read_text()


def test_from_compose(here: Path) -> None:
    """A Compose file elsewhere gives services and variables; --app chooses its app."""
    folder_of(here, {"deploy/stack.yml": COMPOSE})
    done = init("--no-start", "--from-compose", "deploy/stack.yml")
    assert done.exit_code == 0, done.output
    topology = read_topology(here / TOPOLOGY, kinds=services.kinds())
    assert set(topology.services) == {"postgres", "redis"}
    assert topology.apps["web"].health.path == "/healthz"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "init.no_command"),
        (("--service", "db", "--", "x"), "init.not_a_pair"),
        (("--service", "db=oracle", "--", "x"), "name.unknown"),
        (("--service", "d b=postgres", "--", "x"), "init.not_a_pair"),
        (("--from-compose", "missing.yml", "--", "x"), "file.unreadable"),
    ],
)
def test_mistakes(here: Path, words: tuple[str, ...], code: str) -> None:
    """A mistake is an error with its code and exit code 2; nothing is written."""
    done = init("--no-start", *words)
    assert done.exit_code == 2, done.output
    assert f"codes: {code}" in done.output
    assert not (here / TOPOLOGY).exists()


def test_the_first_line_names_the_schema(here: Path) -> None:
    """Editors find the schema that ships with the package in the first line."""
    init("--no-start", "--", "serve")
    first = (here / TOPOLOGY).read_text().splitlines()[0]
    assert first.startswith("#:schema ")
    assert first.endswith("/chaoslab.schema.json")
