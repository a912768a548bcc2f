"""What a folder shows, and the proposal that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.discover.folder import look_at
from chaoslab.discover.proposal import Asked, Proposal, propose

from .folders import COMPOSE, folder_of


def proposed(place: Path, files: dict[str, str | bytes], asked: Asked | None = None) -> Proposal:
    return propose(look_at(folder_of(place, files)), asked or Asked())


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"Procfile": "worker: x\nweb: node server.js\n"}, ("node", "server.js")),
        ({"Procfile": "web: gunicorn a:b --port $PORT"}, ("sh", "-c", "gunicorn a:b --port $PORT")),
        ({"Dockerfile": 'FROM x\nCMD ["python", "-m", "shop"]\n'}, ("python", "-m", "shop")),
        ({"Dockerfile": 'FROM x\nENTRYPOINT ["./a"]\nCMD ["serve"]'}, ("./a", "serve")),
        ({"Dockerfile": "FROM a\nCMD one\nFROM b\nCMD two \\\n  --x\n"}, ("two", "--x")),
        ({"package.json": '{"scripts": {"start": "node index.js"}}'}, ("node", "index.js")),
        ({"package.json": '{"scripts": {"start": "next start"}}'}, ("npm", "start")),
        ({"pyproject.toml": '[project.scripts]\nshop = "shop:main"'}, ("shop",)),
        ({"go.mod": "module x\n"}, ("go", "run", ".")),
        (
            {"main.py": "app = FastAPI(title='x')\n"},
            ("python", "-m", "uvicorn", "main:app", "--port", "{port}"),
        ),
        (
            {"app.py": "web: Flask = Flask(__name__)\n"},
            ("python", "-m", "flask", "--app", "app:web", "run", "--port", "{port}"),
        ),
        (
            {"docker-compose.yml": COMPOSE},
            ("uvicorn", "app:app", "--host", "{host}", "--port", "{port}"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_command(tmp_path: Path, files: dict[str, str | bytes], command: list[str]) -> None:
    """The command is that of the first file which has one."""
    assert proposed(tmp_path, files).command == command


def test_a_given_command_goes_first(tmp_path: Path) -> None:
    """The user's command is used; that of the folder is listed as another one."""
    asked = Asked(words=("PORT=1", "./serve"))
    found = proposed(tmp_path, {"Procfile": "web: node server.js"}, asked)
    assert found.command == ("./serve",)
    assert found.others == ("Procfile: node server.js",)
    assert found.env == {"PORT": "{port}"}


def test_a_compose_file(tmp_path: Path) -> None:
    """Services, images, the port, the environment and the health check are those of Compose."""
    found = proposed(tmp_path, {"docker-compose.yml": COMPOSE, ".env": "DB_PASSWORD=s3cret\n"})
    assert found.app == "web"
    assert [(each.name, each.kind) for each in found.services] == [
        ("postgres", "postgres"),
        ("redis", "redis"),
    ]
    assert found.env == {
        "DATABASE_URL": "{postgres.url}",
        "REDIS_HOST": "{redis.host}",
        "LOG_LEVEL": "debug",
        "PORT": "{port}",
    }
    assert found.images == {
        "postgres": "postgres:15-alpine",
        "redis": "docker.io/valkey/valkey:8-alpine",
    }
    assert (found.app_port, found.health_path) == (8000, "/healthz")
    notes = "\n".join(found.notes)
    assert "search (getmeili/meilisearch:v1.6)" in notes
    assert found.processes == {"worker": ("celery", "worker")}
    assert "worker" not in notes


def test_no_secret_is_copied(tmp_path: Path) -> None:
    """Neither the passwords of URLs nor secret variables of files are in the proposal."""
    files: dict[str, str | bytes] = {
        "docker-compose.yml": COMPOSE,
        ".env": "DB_PASSWORD=s3cret\nAPI_TOKEN=t0ken\nMAIL=smtp://u:p4ss@mail\n",
    }
    text = repr(proposed(tmp_path, files))
    for secret in ("s3cret", "hunter22", "not-to-be-copied", "t0ken", "p4ss"):
        assert secret not in text


def test_depends_on_without_a_variable(tmp_path: Path) -> None:
    """A server that Compose starts before the app is proposed, also if no variable names it."""
    compose = "services: {a: {build: ., depends_on: [q]}, q: {image: 'rabbitmq:3'}}"
    (only,) = proposed(tmp_path, {"compose.yaml": compose}).services
    assert (only.name, only.kind) == ("rabbitmq", "rabbitmq")


def test_env_files(tmp_path: Path) -> None:
    """`.env` goes before an example of it; quotes, `export` and comments are understood."""
    files: dict[str, str | bytes] = {
        ".env": "export DATABASE_URL='postgresql://u:p@h/d' # mine\nHTTP_PORT=\"8080\"\n",
        ".env.example": "DATABASE_URL=mysql://x/y\nREDIS_URL=redis://r\n",
    }
    found = proposed(tmp_path, files)
    assert found.env == {
        "DATABASE_URL": "{postgres.url}",
        "REDIS_URL": "{redis.url}",
        "PORT": "{port}",
        "HTTP_PORT": "{port}",
    }
    assert [each.why for each in found.services] == [
        "DATABASE_URL in .env",
        "REDIS_URL in .env.example",
    ]


def test_the_environment_of_the_machine(tmp_path: Path) -> None:
    """A variable of the machine that names a server is replaced; all others are left alone."""
    machine = {"DATABASE_URL": "postgresql://u:p@h/d", "EDITOR": "vi", "HTTP_PROXY": "http://p:1"}
    found = proposed(tmp_path, {}, Asked(words=("serve",), machine=machine))
    assert found.env == {"DATABASE_URL": "{postgres.url}", "PORT": "{port}"}


def test_a_named_service(tmp_path: Path) -> None:
    """A service that the user names is proposed, and gives the kind of variables without one."""
    asked = Asked(services={"main": "mysql"})
    found = proposed(tmp_path, {".env": "DB_HOST=h\nDB_USER=u\n"}, asked)
    assert [(each.name, each.kind) for each in found.services] == [
        ("mysql", "mysql"),
        ("main", "mysql"),
    ]


def test_an_empty_folder(tmp_path: Path) -> None:
    """An empty folder gives no command and no services."""
    found = proposed(tmp_path, {})
    assert (found.command, found.services) == ((), ())


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"manage.py": ""}, ("python", "manage.py", "migrate")),
        ({"alembic.ini": ""}, ("alembic", "upgrade", "head")),
        ({"package.json": '{"scripts": {"db:migrate": "x"}}'}, ("npm", "run", "db:migrate")),
        ({"Procfile": "web: bin/migrate up && exec bin/serve"}, ("bin/migrate", "up")),
    ],
)
def test_migrations(tmp_path: Path, files: dict[str, str | bytes], words: tuple[str, ...]) -> None:
    """A known tool, or the first part of the command, brings the database up to date."""
    assert proposed(tmp_path, files).migrations == (words,)
