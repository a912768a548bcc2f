"""What a folder shows of the service in it: its variables, commands, Compose services and notes."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaoslab.discover.apps import app_of
from chaoslab.discover.commands import Command, commands_in, migrations_in
from chaoslab.discover.compose import ComposeService, compose_services
from chaoslab.discover.compose_files import COMPOSE_FILES
from chaoslab.discover.dockerfile import Dockerfile, read_dockerfile
from chaoslab.discover.env_text import variables_in
from chaoslab.discover.files import SmallFiles
from chaoslab.discover.known import by_image
from chaoslab.discover.shell import without_first

ENV_FILES = (".env", ".env.local", ".env.development", ".env.dev", ".env.test")
_EXAMPLES = (".env*example*", ".env*sample*", ".env*template*", ".env*dist*", "env.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable that a file sets, and the file's name."""

    value: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What was found in a folder. `app` is the Compose service that is the app; None if there is
    none. `stack` are the other Compose services. `notes` say what was not read, and why.
    """

    name: str
    variables: Mapping[str, Variable] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    migrations: tuple[Command, ...] = ()
    app: ComposeService | None = None
    stack: tuple[ComposeService, ...] = ()
    dockerfile: Dockerfile = field(default_factory=Dockerfile)
    notes: tuple[str, ...] = ()

    @property
    def hosts(self) -> Mapping[str, str]:
        """Maps the name of each Compose service that is a known server to the server's name."""
        return {
            each.name.lower(): server.name
            for each in self.stack
            if (server := by_image(each.image)) is not None
        }

    @property
    def app_port(self) -> int:
        """The port that Compose or the Dockerfile names for the app; 0 if none does."""
        ports = self.app.ports if self.app else ()
        return ports[0] if ports else self.dockerfile.port

    @property
    def health_path(self) -> str:
        """The path that the health check of Compose or of the Dockerfile asks; it may be empty."""
        return (self.app.health_path if self.app else "") or self.dockerfile.health_path


def look_at(folder: Path, *, compose: str = "", app: str = "") -> Folder:
    """What the folder shows. `compose` is the path of the Compose file to use, relative to the
    folder, if not the first usual one; `app` is the Compose service that is the app. Raises no
    error.
    """
    files = SmallFiles(folder=folder)
    variables = _env_files(files, posixpath.dirname(compose))
    services = _compose(files, compose, variables)
    chosen = app_of(services, app)
    place = _place_of(files, chosen)
    if place:
        variables = {**variables, **_env_files(files, place)}
    if chosen is not None:
        variables = _of_app(files, chosen, variables)
    file = _dockerfile_of(files, chosen)
    dockerfile = read_dockerfile(files.text(file) or "", chosen.target if chosen else "")
    for note in dockerfile.notes:
        files.note(f"{file}: {note}")
    commands = [*_own_commands(chosen, dockerfile, file, place), *commands_in(files, place)]
    if place and not commands:
        commands = [*commands_in(files)]
    docker = {k: Variable(value=v, where=file) for k, v in dockerfile.variables.items()}
    return Folder(
        name=_name_of(folder),
        variables={**docker, **variables},
        commands=tuple({each.words: each for each in reversed(commands)}.values())[::-1],
        migrations=tuple(migrations_in(files, place)),
        app=chosen,
        stack=tuple(_with_env_files(files, each) for each in services if each is not chosen),
        dockerfile=dockerfile,
        notes=tuple(files.notes),
    )


def _name_of(folder: Path) -> str:
    try:
        return folder.absolute().name
    except OSError:  # the working directory was removed
        return ""


def _env_files(files: SmallFiles, place: str = "") -> dict[str, Variable]:
    """The variables of all `.env*` files; a real one goes before an example, one in `place` before
    one in the folder itself.
    """
    found: dict[str, Variable] = {}
    for folder in dict.fromkeys((place, "")):
        present = {n for n in files.names(folder) if n.startswith((".env", "env."))}
        examples = sorted(n for n in present if any(fnmatch.fnmatch(n, p) for p in _EXAMPLES))
        for each in [*(each for each in ENV_FILES if each in present), *examples]:
            name = posixpath.join(folder, each)
            for variable, value in variables_in(files.text(name) or "").items():
                found.setdefault(variable, Variable(value=value, where=name))
    return found


def _compose(
    files: SmallFiles, wanted: str, variables: Mapping[str, Variable]
) -> tuple[ComposeService, ...]:
    usual = [name for name in files.names() if fnmatch.fnmatch(name, "*compose*.y*ml")]
    name = wanted or next((each for each in COMPOSE_FILES if each in usual), "")
    others = [each for each in usual if each != name and ".override." not in each]
    if others:
        files.note(f"not read: {', '.join(others[:5])}; --from-compose FILE reads another file")
    if not name:
        return ()
    beside = posixpath.join(posixpath.dirname(name), ".env")
    values = {k: each.value for k, each in variables.items() if each.where == beside}
    return compose_services(files, name, values)


def _place_of(files: SmallFiles, app: ComposeService | None) -> str:
    """The folder of the app in a repository of several: the one that Compose builds. Empty for the
    folder that is looked at.
    """
    if app is None or not app.build or "://" in app.build:
        return ""
    place = posixpath.normpath(app.build)
    if place == ".":
        return ""
    if files.is_folder(place):
        return place
    files.note(f"Compose: {app.name} is built in {app.build}, which is no folder in this one")
    return ""


def _with_env_files(files: SmallFiles, service: ComposeService) -> ComposeService:
    """The service with the variables of its files; those that it sets itself go before them."""
    found: dict[str, str] = {}
    for name in service.env_files:
        found |= variables_in(files.text(name) or "")
    return replace(service, environment={**found, **service.environment})


def _of_app(
    files: SmallFiles, app: ComposeService, variables: Mapping[str, Variable]
) -> dict[str, Variable]:
    where = f"Compose, {app.name}"
    found = {k: Variable(value=v, where=where) for k, v in app.environment.items()}
    for name in app.env_files:
        for variable, value in variables_in(files.text(name) or "").items():
            found.setdefault(variable, Variable(value=value, where=name))
    return {**variables, **found}


def _dockerfile_of(files: SmallFiles, app: ComposeService | None) -> str:
    if app is not None and app.build and "://" not in app.build:
        named = posixpath.normpath(posixpath.join(app.build, app.dockerfile))
        if files.exists(named):
            return named
    usual = ("Dockerfile", "Containerfile")
    return next((each for each in usual if files.exists(each)), usual[0])


def _own_commands(
    app: ComposeService | None, dockerfile: Dockerfile, file: str, place: str
) -> Iterable[Command]:
    words, where = dockerfile.words(), file
    if app is not None and app.entrypoint:
        words, where = (*app.entrypoint, *app.command), f"Compose, {app.name}"
    elif app is not None and app.command:
        words, where = dockerfile.words(app.command), f"Compose, {app.name}"
    if words:
        process = app.name if app is not None else "web"
        yield Command(words=without_first(words), where=where, process=process, folder=place)
    if dockerfile.words() and where != file:
        own = without_first(dockerfile.words())
        yield Command(words=own, where=file, folder=place)
