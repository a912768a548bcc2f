"""What a folder shows of the service in it: its variables, commands, Compose services and notes."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaoslab.discover.commands import Command, commands_in, migrations_in
from chaoslab.discover.compose import COMPOSE_FILES, ComposeService, compose_services
from chaoslab.discover.dockerfile import Dockerfile, read_dockerfile
from chaoslab.discover.env_text import variables_in
from chaoslab.discover.files import SmallFiles
from chaoslab.discover.known import by_image

_REAL = (".env", ".env.local", ".env.development", ".env.dev", ".env.test")
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
    """What the folder shows. `compose` is the name of the Compose file to use, if not the first
    usual one; `app` is the Compose service that is the app. Raises no error.
    """
    files = SmallFiles(folder=folder)
    names = files.names()
    variables = _env_files(files, names)
    services = _compose(files, [compose] if compose else COMPOSE_FILES, variables)
    chosen = _app_of(services, app)
    if chosen is not None:
        variables = _of_app(files, chosen, variables, compose or "Compose")
    place = _dockerfile_of(chosen)
    dockerfile = read_dockerfile(files.text(place) or "")
    commands = [*_own_commands(chosen, dockerfile, place), *commands_in(files)]
    docker = {k: Variable(value=v, where=place) for k, v in dockerfile.variables.items()}
    return Folder(
        name=folder.absolute().name,
        variables={**docker, **variables},
        commands=tuple({each.words: each for each in reversed(commands)}.values())[::-1],
        migrations=tuple(migrations_in(files)),
        app=chosen,
        stack=tuple(each for each in services if each is not chosen),
        dockerfile=dockerfile,
        notes=tuple(dict.fromkeys(files.notes)),
    )


def _env_files(files: SmallFiles, names: Iterable[str]) -> dict[str, Variable]:
    """The variables of all `.env*` files; a real one goes before an example."""
    present = {name for name in names if name.startswith((".env", "env."))}
    examples = sorted(n for n in present if any(fnmatch.fnmatch(n, p) for p in _EXAMPLES))
    found: dict[str, Variable] = {}
    for name in [*(each for each in _REAL if each in present), *examples]:
        for variable, value in variables_in(files.text(name) or "").items():
            found.setdefault(variable, Variable(value=value, where=name))
    return found


def _compose(
    files: SmallFiles, names: Iterable[str], variables: Mapping[str, Variable]
) -> tuple[ComposeService, ...]:
    values = {name: each.value for name, each in variables.items() if each.where == ".env"}
    for name in names:
        if (text := files.text(name)) is not None:
            services, note = compose_services(text, name, values)
            files.notes += [note] if note else []
            return services
    return ()


def _app_of(services: Iterable[ComposeService], wanted: str) -> ComposeService | None:
    """The Compose service that is the app: the one that was asked for, else the first that is built
    here and publishes a port, else the first that is built here.
    """
    if wanted:
        return next((each for each in services if each.name == wanted), None)
    own = [each for each in services if each.build] or [
        each for each in services if each.image and by_image(each.image) is None and each.ports
    ]
    return next((each for each in own if each.ports), own[0] if own else None)


def _of_app(
    files: SmallFiles, app: ComposeService, variables: Mapping[str, Variable], where: str
) -> dict[str, Variable]:
    found = {k: Variable(value=v, where=f"{where}, {app.name}") for k, v in app.environment.items()}
    for name in app.env_files:
        if ".." in Path(name).parts or Path(name).is_absolute():
            continue
        for variable, value in variables_in(files.text(name) or "").items():
            found.setdefault(variable, Variable(value=value, where=name))
    return {**variables, **found}


def _dockerfile_of(app: ComposeService | None) -> str:
    if app is None or not app.build or "://" in app.build:
        return "Dockerfile"
    place = Path(app.build) / app.dockerfile
    inside = not place.is_absolute() and ".." not in place.parts and "\0" not in str(place)
    return str(place) if inside else "Dockerfile"


def _own_commands(
    app: ComposeService | None, dockerfile: Dockerfile, place: str
) -> Iterable[Command]:
    if app is not None and app.command:
        yield Command(words=app.command, where=f"Compose, {app.name}", process=app.name)
    if dockerfile.command:
        yield Command(words=dockerfile.command, where=place)
