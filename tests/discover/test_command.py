"""`chaoslab init` where nothing is started: what it writes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab import services
from chaoslab.cli import main
from chaoslab.discover import command
from chaoslab.discover.findings import Findings, PathAnswer, PathFound
from chaoslab.discover.next_steps import next_steps
from chaoslab.discover.output import SCENARIO, TOPOLOGY
from chaoslab.discover.paths import Named
from chaoslab.discover.proposal import Proposal, Proposed
from chaoslab.model.loader.topology import read_topology

from .folders import COMPOSE, folder_of

SHOP = Proposal(name="shop", app="web", command=("serve",))


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


def test_commands_that_prepare(here: Path) -> None:
    """Each command of --prepare is split into words, gets placeholders, and is shown."""
    url = "postgresql+psycopg2://u:p@localhost/d"
    words = ("--prepare", f"migrate --db {url}", "--prepare", "seed && index")
    done = init("--no-start", *words, "--", "serve", url)
    assert done.exit_code == 0, done.output
    topology = read_topology(here / TOPOLOGY, kinds=services.kinds())
    assert topology.apps[topology.name].prepare == (
        ("migrate", "--db", "{postgres.url:postgresql+psycopg2}"),
        ("sh", "-c", "seed && index"),
    )
    assert "before its first boot: migrate --db {postgres.url:postgresql+psycopg2}" in done.output


def test_placeholders_of_the_user(here: Path) -> None:
    """Known ones are taken as they are: in the command, in variables in front of it, and in what
    prepares it; any other brace is an ordinary one. So are those of the folder's files.
    """
    folder_of(here, {"Procfile": "web: serve {port}", ".env": "A=mysql://h/d"})
    words = ("env", "A={db.url:postgresql+asyncpg}", "PORT={port:http}", "B={nix.url}", "serve")
    done = init(
        *("--no-start", "--service", "db=postgres", "--prepare", "migrate {db.url}", "--"),
        *(*words, "--listen", "{port}", "{prot}"),
    )
    assert done.exit_code == 0, done.output
    topology = read_topology(here / TOPOLOGY, kinds=services.kinds())
    assert set(topology.services) == {"db"}
    app = topology.apps[topology.name]
    assert app.command == ("serve", "--listen", "{port}", "{{prot}}")
    assert app.prepare == (("migrate", "{db.url}"),)
    assert dict(app.env) == {
        "A": "{db.url:postgresql+asyncpg}",
        "PORT": "{port:http}",
        "B": "{{nix.url}}",
    }
    assert init("--no-start", "--force").exit_code == 0
    topology = read_topology(here / TOPOLOGY, kinds=services.kinds())
    assert topology.apps[topology.name].command == ("serve", "{{port}}")


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


def test_a_command_that_does_not_exist_is_a_mistake(here: Path) -> None:
    """Nothing is started for it, and the place is a key, not a file that nobody has."""
    done = init("--yes", "--", "no-such-program")
    assert done.exit_code == 2, done.output
    assert "\napps." in done.output
    assert "codes: program.not_executed" in done.output
    assert "starting" not in done.output


def test_the_first_line_names_the_schema(here: Path) -> None:
    """Editors find the schema that ships with the package in the first line."""
    init("--no-start", "--", "serve")
    first = (here / TOPOLOGY).read_text().splitlines()[0]
    assert first.startswith("#:schema ")
    assert first.endswith("/chaoslab.schema.json")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's input is a terminal."""
    monkeypatch.setattr(command, "_on_terminal", lambda: True)


def answered(answers: str, *words: str) -> Result:
    return CliRunner().invoke(main, ["init", "--no-start", *words], input=answers)


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_it_asks_for_a_missing_command(here: Path) -> None:
    """The command is asked for, the file is shown, and it is written after a yes."""
    done = answered("node server.js\ny\n")
    assert done.exit_code == 0, done.output
    assert "The command that starts the app: " in done.output
    assert 'command = ["node", "server.js"]' in done.output
    assert (here / TOPOLOGY).exists()


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("existing", "answers", "written"),
    [(False, "n\n", False), (True, "n\n", False), (True, "y\nn\n", False), (True, "y\ny\n", True)],
)
def test_on_a_terminal_a_no_writes_nothing(
    here: Path, existing: bool, answers: str, written: bool
) -> None:
    """A no to the file, or to the replacement of an existing one, changes nothing."""
    if existing:
        (here / TOPOLOGY).write_text("mine")
    done = answered(answers, "--", "serve")
    assert (done.exit_code == 0) is written, done.output
    after = (here / TOPOLOGY).read_text() if (here / TOPOLOGY).exists() else "none"
    assert (after not in ("mine", "none")) is written
    assert not (here / SCENARIO).exists()


@pytest.mark.usefixtures("terminal")
def test_with_yes_it_asks_nothing(here: Path) -> None:
    """With --yes there is no question, also on a terminal."""
    done = answered("", "--yes", "--", "serve")
    assert done.exit_code == 0, done.output
    assert "?" not in done.output.replace("NAME=KIND", "")


def test_a_secret_in_front_of_the_command_is_not_printed(here: Path) -> None:
    """What the user sets for the app is in the file, and is masked on the screen."""
    done = init("--no-start", "--", "API_TOKEN=t0kent0ken", "serve")
    assert "t0kent0ken" not in done.output
    assert "t0kent0ken" in (here / TOPOLOGY).read_text()


def test_on_a_terminal_the_paths_are_confirmed() -> None:
    """Enter takes what was observed, `-` takes none, and a path takes another one."""
    good = PathAnswer(status=200, body="ok")
    bad = PathAnswer(status=503, body="no")
    findings = Findings(
        paths=(
            PathFound(path="/a", steady=good, severed={"db": bad}, role="health"),
            PathFound(path="/livez", steady=good, severed={"db": good}, role="live"),
            PathFound(path="/b", steady=good, severed={"db": good}),
        )
    )
    with CliRunner().isolation(input="\n/b\n-\n/items\n"):
        found = command._confirmed(findings, Named())
    assert {each.path: each.role for each in found.paths} == {
        "/a": "health",
        "/livez": "does not notice",
        "/b": "live",
    }
    assert found.request == "/items"


def test_what_to_do_next_where_no_path_of_health_was_found() -> None:
    """`run` never finds such an app healthy, so it is not proposed."""
    good, bad = PathAnswer(status=200, body="ok"), PathAnswer(status=404, body="no")
    found = [Findings(paths=(PathFound(path="/", steady=each),)) for each in (good, bad)]
    assert [[*next_steps(SHOP, each)] for each in (None, found[0])] == [["chaoslab run"]] * 2
    for each in (found[1], Findings()):
        (step,) = next_steps(SHOP, each)
        assert "--health PATH" in step


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (".env", ": the app may read .env itself and not the environment. Let the environment go"),
        ("", ". Name a page that needs it"),
    ],
)
def test_a_service_without_a_connection_is_what_to_look_at_next(file: str, why: str) -> None:
    """It comes first, then the request that failed, and both before `run`."""
    service = Proposed(name="postgres", kind="postgres", why="", env_file=file)
    path = PathFound(path="/", steady=PathAnswer(status=200))
    found = Findings(
        paths=(path,), never_connected=("postgres",), failed_request="/notes answered 500"
    )
    first, second, last = next_steps(replace(SHOP, services=(service,)), found)
    assert first.startswith(f"no connection to postgres was seen in any boot{why}")
    assert second.startswith("the request /notes answered 500, without a fault")
    assert last == "chaoslab run"
