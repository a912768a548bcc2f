"""Finds commands that start the app: in a Procfile, package.json, pyproject.toml, code, go.mod."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chaoslab.discover.files import SmallFiles
from chaoslab.discover.shell import split
from chaoslab.discover.words import assigned

_PROCESS = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<line>.+)")
# Of a Procfile: the likeliest to answer requests first, then those of any other name.
SERVING = ("web", "app", "api", "server", "start")
_RELEASE = "release"  # runs once, before the others
_SERVES = re.compile(
    r"^(?P<name>\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?(?P<what>FastAPI|Flask|Starlette|Quart|Litestar)\(",
    re.M,
)
_MIGRATIONS: Mapping[str, tuple[str, ...]] = {
    "manage.py": ("python", "manage.py", "migrate"),
    "alembic.ini": ("alembic", "upgrade", "head"),
    "prisma/schema.prisma": ("npx", "prisma", "migrate", "deploy"),
    "knexfile.js": ("npx", "knex", "migrate:latest"),
}
_NAMES = ("main", "app", "asgi", "wsgi", "server", "api")
_MODULES = (*_NAMES, "app.main", "app.__init__", "app.app", "api.main", "backend.main")
_STARTS = ("start", "serve", "start:prod", "dev")  # scripts of package.json, the likeliest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that may start the app, the name of its process, the file that it is from, and the
    folder in which it runs, relative to the one that is looked at.
    """

    words: tuple[str, ...]
    where: str
    process: str = "web"
    folder: str = ""


def commands_in(files: SmallFiles, place: str = "") -> Iterator[Command]:
    """The commands of the files in the folder `place`, the likeliest first. Raises no error."""
    for find in (_procfile, _package, _pyproject, _python, _go):
        yield from find(files, place)


def _processes(files: SmallFiles, place: str) -> Iterator[Command]:
    name = posixpath.join(place, "Procfile")
    if not files.exists(name) and files.exists(f"{name}.dev"):
        name = f"{name}.dev"
    for line in (files.text(name) or "").splitlines():
        if (match := _PROCESS.fullmatch(line.strip())) and (words := split(match["line"])):
            yield Command(words=words, where=name, process=match["name"], folder=place)


def _procfile(files: SmallFiles, place: str) -> Iterator[Command]:
    found = [each for each in _processes(files, place) if each.process != _RELEASE]
    order = {name: number for number, name in enumerate(SERVING)}
    yield from sorted(found, key=lambda each: order.get(each.process, len(order)))


def _scripts(files: SmallFiles, place: str) -> Mapping[str, str]:
    """The scripts of a package.json that are texts."""
    name = posixpath.join(place, "package.json")
    try:
        package = json.loads(files.text(name) or "{}")
    except (ValueError, RecursionError):
        files.note(f"{name}: not valid JSON, not read")
        return {}
    scripts = package.get("scripts") if isinstance(package, dict) else None
    found = scripts if isinstance(scripts, dict) else {}
    return {k: v for k, v in found.items() if isinstance(v, str) and v.strip()}


def _package(files: SmallFiles, place: str) -> Iterator[Command]:
    where = posixpath.join(place, "package.json")
    scripts = _scripts(files, place)
    for name in _STARTS:
        if name in scripts:
            words: tuple[str, ...] = ("npm", "run", name) if name != "start" else ("npm", "start")
            # `npm start` passes no signal on: a plain `node` is run without it.
            direct = split(scripts[name].replace("cross-env ", "env ", 1))
            if assigned(direct)[1][:1] == ("node",):
                words = direct
            yield Command(words=words, where=where, folder=place)
    for name in ("server.js", "index.js") if files.exists(where) and not scripts else ():
        if files.exists(posixpath.join(place, name)):
            yield Command(words=("node", name), where=where, folder=place)


def _pyproject(files: SmallFiles, place: str) -> Iterator[Command]:
    where = posixpath.join(place, "pyproject.toml")
    try:
        document = tomllib.loads(files.text(where) or "")
    except (ValueError, RecursionError):
        files.note(f"{where}: not valid TOML, not read")
        return
    for path in (("project", "scripts"), ("tool", "poetry", "scripts")):
        node: object = document
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        for name in node if isinstance(node, dict) else ():
            if name.strip() and "\0" not in name:
                yield Command(words=(name,), where=where, process=name, folder=place)


def _python(files: SmallFiles, place: str) -> Iterator[Command]:
    words: tuple[str, ...]
    if files.text(posixpath.join(place, "manage.py")) is not None:
        words = ("python", "manage.py", "runserver", "--noreload", "0.0.0.0:8000")
        yield Command(words=words, where=posixpath.join(place, "manage.py"), folder=place)
    for module in _MODULES:
        where = posixpath.join(place, f"{module.replace('.', '/')}.py")
        match = _SERVES.search(files.text(where) or "")
        if match is None:
            continue
        target = f"{module.removesuffix('.__init__')}:{match['name']}"
        if match["what"] == "Flask":
            words = ("python", "-m", "flask", "--app", target, "run", "--port", "5000")
        else:
            words = ("python", "-m", "uvicorn", target, "--port", "8000")
        yield Command(words=words, where=where, folder=place)


def _go(files: SmallFiles, place: str) -> Iterator[Command]:
    """The main package: in the folder, else each of `cmd/`."""
    where = posixpath.join(place, "go.mod")
    if files.text(where) is None:
        return
    programs = posixpath.join(place, "cmd")
    found = []
    if not files.exists(posixpath.join(place, "main.go")) and files.is_folder(programs):
        names = files.names(programs)
        found = [n for n in names if files.exists(posixpath.join(programs, n, "main.go"))]
    for target in [f"./cmd/{name}" for name in found] or ["."]:
        yield Command(words=("go", "run", target), where=where, folder=place)


def migrations_in(files: SmallFiles, place: str = "") -> Iterator[Command]:
    """Commands that usually bring the database of such a folder up to date. Raises no error."""
    for each in _processes(files, place):
        if each.process == _RELEASE:
            yield each
    for name, words in _MIGRATIONS.items():
        where = posixpath.join(place, name)
        if files.text(where) is not None:
            yield Command(words=words, where=where, folder=place)
    where, scripts = posixpath.join(place, "package.json"), _scripts(files, place)
    for name in ("migrate", "db:migrate", "migrate:up", "migration:run"):
        if name in scripts:
            yield Command(words=("npm", "run", name), where=where, folder=place)
