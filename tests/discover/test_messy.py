"""Folders as people have them: `init` proposes what a person would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from chaoslab.discover.env_text import variables_in
from chaoslab.discover.files import SmallFiles
from chaoslab.discover.folder import look_at
from chaoslab.discover.interpolation import MOST_CHARACTERS, interpolated
from chaoslab.discover.links import Links
from chaoslab.discover.proposal import Asked, Proposal, propose
from chaoslab.discover.shell import split, without_first
from chaoslab.discover.toml import topology_text

from .folders import folder_of

DB = "db: {image: 'postgres:16'}"
Files = Mapping[str, str | bytes]


def proposed(place: Path, files: Files) -> Proposal:
    return propose(look_at(folder_of(place, files)), Asked())


def noted(place: Path, files: Files) -> str:
    return "\n".join(look_at(folder_of(place, files)).notes)


COMMANDS: dict[str, tuple[Files, str]] = {
    "version 1 of Compose": ({"compose.yaml": "web: {build: ., command: serve}"}, "serve"),
    "an entrypoint of Compose": (
        {"compose.yaml": "services: {w: {build: ., entrypoint: python -m shop, command: [run]}}"},
        "python -m shop run",
    ),
    "an entrypoint of the image": (
        {
            "compose.yaml": "services: {web: {build: ., command: run}}",
            "Dockerfile": 'FROM x\nENTRYPOINT ["python", "-m", "shop"]\nCMD ["other"]\n',
        },
        "python -m shop run",
    ),
    "a script that starts what follows": (
        {"Dockerfile": 'FROM x\nENTRYPOINT ["tini", "-g", "--", "/entrypoint.sh"]\nCMD ["run"]\n'},
        "run",
    ),
    "an override": (
        {
            "compose.yaml": "services: {web: {build: ., command: serve}}",
            "compose.override.yaml": "services: {web: {command: dev}}",
        },
        "dev",
    ),
    "a profile before the app": (
        {
            "compose.yaml": "services: {a: {build: ., command: x, ports: [1], profiles: [p]}, "
            "web: {build: ., command: serve}}"
        },
        "serve",
    ),
    "a page before the app that needs the database": (
        {
            "compose.yaml": "services: {page: {build: ., command: x, ports: [3000]}, "
            f"api: {{build: ., command: serve, depends_on: [db]}}, {DB}}}"
        },
        "serve",
    ),
    "a stage of the Dockerfile as base": (
        {"Dockerfile": "FROM x AS base\nCMD serve\nFROM base\nRUN y\n"},
        "serve",
    ),
    "instructions in a heredoc": (
        {"Dockerfile": "FROM x\nCMD serve\nRUN <<EOF\nCMD other\nEOF\n"},
        "serve",
    ),
    "a shell as the entrypoint gets no command": (
        {"Dockerfile": 'FROM x\nENTRYPOINT exec serve\nCMD ["other"]\n'},
        "serve",
    ),
    "paths of the image": (
        {"Dockerfile": 'FROM x\nWORKDIR /app\nCMD ["/app/serve", "/app/a"]\n'},
        "./serve a",
    ),
    "a list that is not valid JSON": (
        {"Dockerfile": "FROM x\nCMD ['serve']\n", "Procfile": "web: other"},
        "other",
    ),
    "a release before the app": ({"Procfile": "release: migrate\napi: serve\n"}, "serve"),
    "exec": ({"Procfile": "web: exec serve"}, "serve"),
    "variables before node": (
        {"package.json": '{"scripts": {"start": "cross-env A=1 node a.js"}}'},
        "node a.js",
    ),
    "no start, but dev": ({"package.json": '{"scripts": {"dev": "vite"}}'}, "npm run dev"),
    "scripts of Poetry": ({"pyproject.toml": '[tool.poetry.scripts]\nshop = "x"'}, "shop"),
    "a main package below cmd": ({"go.mod": "", "cmd/a/main.go": ""}, "go run ./cmd/a"),
    "an app in a package": (
        {"app/main.py": "app = fastapi.FastAPI()"},
        "python -m uvicorn app.main:app --port {port}",
    ),
    "a byte order mark": ({"Procfile": b"\xef\xbb\xbfweb: serve"}, "serve"),
}


@pytest.mark.parametrize(("files", "command"), COMMANDS.values(), ids=COMMANDS)
def test_the_command(tmp_path: Path, files: Files, command: str) -> None:
    """The command is the one that starts the app on this machine."""
    assert " ".join(proposed(tmp_path, files).command) == command


def test_an_app_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """What Compose builds in a folder runs there; the `.env` there goes before that of the top."""
    files: Files = {
        "compose.yaml": f"services: {{api: {{build: ./api}}, {DB}}}",
        ".env": "REDIS_URL=redis://a",
        "api/.env": "REDIS_URL=redis://b/2",
        "api/package.json": '{"scripts": {"start": "node a.js"}}',
    }
    found = proposed(tmp_path, files)
    assert (found.command, found.cwd) == (("node", "a.js"), "api")
    assert found.env["REDIS_URL"] == "redis://{redis.host}:{redis.port}/2"
    assert 'cwd = "api"' in topology_text(found, None)


def test_extends_and_include(tmp_path: Path) -> None:
    """Services are taken from other files, and joined with what they extend."""
    files: Files = {
        "compose.yaml": "include: [db/stack.yaml]\nservices: {web: {extends: {file: base.yaml, "
        "service: app}, environment: [LOG=b], depends_on: [db]}}",
        "base.yaml": "services: {app: {build: ., command: serve, environment: {LOG: a, X: y}}}",
        "db/stack.yaml": f"services: {{{DB}}}",
    }
    found = proposed(tmp_path, files)
    assert (found.command, found.app) == (("serve",), "web")
    assert {"LOG": "b", "X": "y"}.items() <= found.env.items()
    assert [each.kind for each in found.services] == ["postgres"]


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (
            {"compose.yaml": "services: {a: {build: ., extends: a}}"},
            "extends a of compose.yaml, and",
        ),
        ({"compose.yaml": "services: {a: {build: ., extends: b}}"}, "which is not there"),
        ({"compose.yaml": "include: [x.yaml]"}, "x.yaml: no such file"),
        ({"compose.yaml": "include: [../x.yaml]"}, "../x.yaml: outside of this folder, not read"),
        ({"compose.yaml": "services: {a: {build: x}}"}, "built in x, which is no folder"),
        ({"compose.prod.yaml": ""}, "not read: compose.prod.yaml; --from-compose"),
        ({"Procfile": "web: x".encode("utf-16")}, "Procfile: UTF-16, where UTF-8 is expected"),
    ],
)
def test_what_is_not_read_is_noted(tmp_path: Path, files: Files, note: str) -> None:
    """A note names the file and the reason."""
    assert note in noted(tmp_path, files)


def test_a_file_that_would_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that seems regular and has nothing to read now, as /proc has them, is left out."""
    os.mkfifo(tmp_path / "Procfile")
    monkeypatch.setattr("stat.S_ISREG", lambda _: True)
    with (tmp_path / "Procfile").open("r+b", buffering=0):
        files = SmallFiles(folder=tmp_path)
        assert files.text("Procfile") is None
    assert files.notes == ["Procfile: it cannot be read without a wait, not read"]


def test_many_files_hide_none(tmp_path: Path) -> None:
    """A `.env` is found among thousands of files."""
    for number in range(3_000):
        (tmp_path / f"a{number}").touch()
    (tmp_path / ".env").write_text("A=1")
    os.utime(tmp_path / ".env")
    assert "A" in look_at(tmp_path).variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}-$A-$$A-${B}-${B:-b}-${B-c}-${A:+d}", "a-a-$A--b-c-d"),
        ("${B:-${C:-${A}}}", "a"),
        ("${E:-empty}|${E-empty}|${B:?no}", "empty||"),
        ("${D}", "$A"),
        ("${", "${"),
    ],
)
def test_variables_are_replaced(text: str, expected: str) -> None:
    """Defaults may be nested; a dollar of a value begins no variable."""
    assert interpolated(text, {"A": "a", "D": "$A", "E": ""}) == expected


def test_values_do_not_grow_without_end() -> None:
    """Values that double each time are left as they are beyond a limit."""
    text = "".join(f"A{n + 1}=$A{n}$A{n}\n" for n in range(60))
    found = variables_in(f"A0=xx\n{text}")
    assert max(map(len, found.values())) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H=db\nU=postgres://${H}/d\n", {"H": "db", "U": "postgres://db/d"}),
        ("U='$H'\nP=a$b\n", {"U": "$H", "P": "a$b"}),
        ('K="one\nB2 two"\nA=1\n', {"K": "one\nB2 two", "A": "1"}),
        ('K="one\nA=1\n', {"K": '"one', "A": "1"}),
    ],
)
def test_env_files(text: str, expected: Mapping[str, str]) -> None:
    """Variables are replaced by those before; a value in quotes may have several lines."""
    assert variables_in(text) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bash -c 'a && b'", ("bash", "-c", "a && b")),
        ("node 'a;b'", ("node", "a;b")),
        ("cd x", ("sh", "-c", "cd x")),
        ("exec a $B", ("sh", "-c", "exec a $B")),
        ("a 'b", ("sh", "-c", "a 'b")),
        ("a|b", ("sh", "-c", "a|b")),
    ],
)
def test_shell_lines(line: str, words: tuple[str, ...]) -> None:
    """A shell reads what only a shell can read, and no more."""
    assert split(line) == words


def test_an_entrypoint_with_options_stays() -> None:
    """Options are those of the script itself, which then does more than to start what follows."""
    assert without_first(("/entrypoint.sh", "--port", "80")) == ("/entrypoint.sh", "--port", "80")
    assert without_first(("tini",)) == ("tini",)


VALUES = {
    ("U", "db+postgresql://h/d"): "{postgres.url:db+postgresql}",
    ("U", "r2dbc:postgresql://h/d"): "{postgres.url:r2dbc:postgresql}",
    ("U", "redis+socket:///run/r.sock"): "{redis.url}",
    ("REDIS_URL", "unix:///run/r.sock"): "{redis.url}",
    ("DB_URL", "ecto://h/d"): "{postgres.url:ecto}",
    ("REDIS_NODES", "a:6379,b:6379"): "{redis.host}:{redis.port}",
    ("CACHE", "redis:6379"): "{redis.host}:{redis.port}",
    ("REDIS_ADDR", "[::1]:6379"): "{redis.host}:{redis.port}",
    ("PGHOST", "::1"): "{postgres.host}",
}


@pytest.mark.parametrize(("variable", "expected"), VALUES.items(), ids=str)
def test_forms_of_addresses(variable: tuple[str, str], expected: str) -> None:
    """Each form is read, and written again with placeholders."""
    links = Links()
    assert links.filled(dict([variable]), lambda _: "") == {variable[0]: expected}


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("KAFKA_BROKERS", "a:9092,b:9092", "a kafka server"),
        ("REDIS_SENTINELS", "a:26379,b:26379", "a redis sentinel server"),
        ("DB_URL", "mssql+pyodbc://h/d", "a sqlserver server"),
        ("DB_URL", "oracle://h/d", "not known which kind of server this is"),
        ("REDIS_NODES", "a:6379,b:6379", "a list of 2 servers; the lab starts one"),
    ],
)
def test_servers_that_are_not_started_are_noted(name: str, value: str, note: str) -> None:
    """A note says what was left out, or what the lab starts in its place."""
    links = Links()
    links.filled({name: value}, lambda _: "")
    assert note in "\n".join(links.notes)


def test_a_variable_may_say_that_there_is_no_server() -> None:
    """A host beside SQLite belongs to the example of another database."""
    given = {"DB_CONNECTION": "sqlite", "DB_HOST": "127.0.0.1", "DB_PORT": "3306"}
    assert Links().filled(given, lambda _: "") == {}


def test_no_value_with_a_secret_is_copied(tmp_path: Path) -> None:
    """Neither a secret of `.env` that Compose puts into another text, nor the user of a URL; a
    command keeps the name of the variable.
    """
    files: Files = {
        ".env": "API_TOKEN=s3cret99",
        "compose.yaml": "services: {web: {build: ., command: 'serve ${API_TOKEN}', environment: "
        "{A: 'Bearer ${API_TOKEN}', M: 'mongodb://u:hunter2@m/d', B: plain}}}",
    }
    found = proposed(tmp_path, files)
    assert found.command == ("sh", "-c", "serve ${{API_TOKEN}}")
    assert found.env == {"B": "plain", "PORT": "{port}"}


def test_the_port_in_a_line_for_a_shell(tmp_path: Path) -> None:
    """Placeholders are put into a line for a shell too, and its migration is proposed."""
    line = "web: bash -c 'alembic upgrade head && serve --port 8000 --x \"a  {b}\"'"
    found = proposed(tmp_path, {"Procfile": line})
    assert found.command[2].endswith('serve --port {port} --x "a {{b}}"')
    assert found.migrations == (("alembic", "upgrade", "head"),)
