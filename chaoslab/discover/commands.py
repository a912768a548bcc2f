"""Finds commands that start the app: in a Procfile, package.json, pyproject.toml or go.mod."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chaoslab.discover.files import SmallFiles
from chaoslab.discover.shell import split

_PROCESS = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<line>.+)")
_SERVES = re.compile(
    r"^(?P<name>\w+)\s*(?::[^=]+)?=\s*(?P<what>FastAPI|Flask|Starlette|Quart|Litestar)\(", re.M
)
_MIGRATIONS: Mapping[str, tuple[str, ...]] = {
    "manage.py": ("python", "manage.py", "migrate"),
    "alembic.ini": ("alembic", "upgrade", "head"),
    "prisma/schema.prisma": ("npx", "prisma", "migrate", "deploy"),
    "knexfile.js": ("npx", "knex", "migrate:latest"),
}
_MODULES = ("main", "app", "asgi", "wsgi", "server", "api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that may start the app, the name of its process, and the file that it is from."""

    words: tuple[str, ...]
    where: str
    process: str = "web"


def commands_in(files: SmallFiles) -> Iterator[Command]:
    """The commands of the folder's files, the likeliest first. Raises no error."""
    yield from _procfile(files)
    yield from _package(files)
    yield from _pyproject(files)
    yield from _python(files)
    if files.text("go.mod") is not None:
        yield Command(words=("go", "run", "."), where="go.mod")


def _procfile(files: SmallFiles) -> Iterator[Command]:
    lines = (files.text("Procfile") or "").splitlines()
    found = [match for line in lines if (match := _PROCESS.fullmatch(line.strip()))]
    for match in sorted(found, key=lambda each: each["name"] != "web"):
        if words := split(match["line"]):
            yield Command(words=words, where="Procfile", process=match["name"])


def _package(files: SmallFiles) -> Iterator[Command]:
    try:
        package = json.loads(files.text("package.json") or "{}")
    except (ValueError, RecursionError):
        files.notes.append("package.json: not valid JSON, not read")
        return
    scripts = package.get("scripts") if isinstance(package, dict) else None
    start = scripts.get("start") if isinstance(scripts, dict) else None
    if isinstance(start, str) and start.strip():
        words = split(start)
        # `npm start` passes no signal on: a plain `node` is run without it.
        direct = bool(words) and words[0] == "node"
        yield Command(words=words if direct else ("npm", "start"), where="package.json")


def _pyproject(files: SmallFiles) -> Iterator[Command]:
    try:
        document = tomllib.loads(files.text("pyproject.toml") or "")
    except (ValueError, RecursionError):
        files.notes.append("pyproject.toml: not valid TOML, not read")
        return
    project = document.get("project")
    scripts = project.get("scripts") if isinstance(project, dict) else None
    for name in scripts if isinstance(scripts, dict) else ():
        if name.strip() and "\0" not in name:
            yield Command(words=(name,), where="pyproject.toml", process=name)


def _python(files: SmallFiles) -> Iterator[Command]:
    words: tuple[str, ...]
    if files.text("manage.py") is not None:
        words = ("python", "manage.py", "runserver", "--noreload", "0.0.0.0:8000")
        yield Command(words=words, where="manage.py")
    for module in _MODULES:
        match = _SERVES.search(files.text(f"{module}.py") or "")
        if match is None:
            continue
        target = f"{module}:{match['name']}"
        if match["what"] == "Flask":
            words = ("python", "-m", "flask", "--app", target, "run", "--port", "5000")
        else:
            words = ("python", "-m", "uvicorn", target, "--port", "8000")
        yield Command(words=words, where=f"{module}.py")


def migrations_in(files: SmallFiles) -> Iterator[Command]:
    """Commands that usually bring the database of such a folder up to date. Raises no error."""
    for name, words in _MIGRATIONS.items():
        if files.text(name) is not None:
            yield Command(words=words, where=name, process="migrate")
    try:
        package = json.loads(files.text("package.json") or "{}")
    except (ValueError, RecursionError):
        return
    scripts = package.get("scripts") if isinstance(package, dict) else None
    for name in ("migrate", "db:migrate", "migrate:up", "migration:run"):
        if isinstance(scripts, dict) and name in scripts:
            yield Command(words=("npm", "run", name), where="package.json", process="migrate")
