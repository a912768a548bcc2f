"""The further processes that `init` proposes: of a Procfile, or of services of Compose."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.discover.folder import look_at
from chaoslab.discover.proposal import Asked, Proposal, propose

from .folders import folder_of

PROCFILE = """\
release: python manage.py migrate
web: gunicorn shop.wsgi
worker: QUEUE=mail REDIS_URL=redis://cache:6379 TOKEN=a celery -A shop worker
clock: celery -A shop beat
api: gunicorn other.wsgi
flower: celery flower --port 5555
"""
COMPOSE = """
services:
  web: {build: ., command: serve, ports: ["80:80"], environment: {REDIS_URL: "redis://cache", A: b}}
  worker:
    build: .
    command: rq worker
    environment: {REDIS_URL: "redis://cache", A: b, QUEUE: mail}
  writer: {build: ., command: write, environment: {DATABASE_URL: "postgresql://u:pw@db/shop"}}
  migrate: {build: ., command: alembic upgrade head}
  admin: {build: ., command: serve --admin, ports: ["81:80"]}
  same: {build: .}
  debug: {build: ., command: profile, profiles: [debug]}
  other: {build: ./other, command: work}
  cache: {image: "redis:7"}
  db: {image: "postgres:15"}
"""


def proposed(place: Path, asked: Asked | None = None, **files: str) -> Proposal:
    named = {name.replace("_", "."): text for name, text in files.items()}
    return propose(look_at(folder_of(place, named)), asked or Asked())


def test_the_workers_of_a_procfile_run_beside_the_web_process(tmp_path: Path) -> None:
    """A release may become prepare. What serves has a port of its own, so it stays a remark."""
    found = proposed(tmp_path, Procfile=PROCFILE)
    assert found.command[0] == "gunicorn"
    worker = ("env", "QUEUE=mail", "REDIS_URL={redis.url}", "celery", "-A", "shop", "worker")
    assert found.processes == {"worker": worker, "clock": ("celery", "-A", "shop", "beat")}
    assert [each.name for each in found.services] == ["redis"]
    assert found.migrations[0] == ("python", "manage.py", "migrate")
    assert [each.split()[1] for each in found.others] == ["gunicorn", "celery"]


def test_services_of_compose_that_share_the_build_run_beside_the_app(tmp_path: Path) -> None:
    """Not those that publish a port, end by themselves, have no command or another build."""
    found = proposed(tmp_path, compose_yaml=COMPOSE)
    assert found.processes == {
        "worker": ("env", "QUEUE=mail", "rq", "worker"),
        "writer": ("env", "DATABASE_URL={postgres.url}", "write"),
    }
    assert {each.name for each in found.services} == {"redis", "postgres"}
    assert "pw" not in repr(found)
    notes = "\n".join(found.notes)
    for name in ("migrate", "admin", "same", "other"):
        assert f"Compose: {name} is another app" in notes
    assert "worker is another app" not in notes


def test_a_worker_with_the_image_of_the_app_is_one_of_its_processes(tmp_path: Path) -> None:
    """Nothing is built here."""
    text = """
services:
  web: {image: "shop:1", command: serve, ports: ["80:80"]}
  worker: {image: "shop:1", command: work}
  other: {image: "bills:1", command: work}
"""
    assert proposed(tmp_path, compose_yaml=text).processes == {"worker": ("work",)}


@pytest.mark.parametrize("words", [("serve",), ("A=1", "serve")])
def test_a_given_command_is_the_only_process(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The workers of the folder are listed as other commands."""
    found = proposed(tmp_path, Asked(words=words), Procfile="web: x\nworker: work\n")
    assert not found.processes
    assert "Procfile: work" in found.others
