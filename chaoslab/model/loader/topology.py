"""Read a topology from `chaoslab.toml` or `[tool.chaoslab]`: all mistakes at once, or the whole."""

from __future__ import annotations

import os.path
import re
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from chaoslab.errors import OldTopology, Problem, SpecError
from chaoslab.model.health import DEFAULT_WORDS, HealthContract, HealthState
from chaoslab.model.loader.deployment import deployment
from chaoslab.model.loader.gate import gate
from chaoslab.model.loader.kinds import Kinds, images, kind_errors, services
from chaoslab.model.loader.names import Names, normalised
from chaoslab.model.loader.problems import Place, in_file_order, shape_problems
from chaoslab.model.loader.renamed import outdated, renamed, with_new_names
from chaoslab.model.loader.secrets import mask_of_document, secrets
from chaoslab.model.loader.shape import (
    AppShape,
    AttachShape,
    ContainerShape,
    HealthShape,
    TopologyShape,
)
from chaoslab.model.topology import (
    App,
    Attach,
    Build,
    Connector,
    Container,
    Deadlines,
    Limits,
    Link,
    Topology,
    WriteContract,
)

OWN_FILE = "chaoslab.toml"
SHARED_FILE = "pyproject.toml"
_TABLE: Place = ("tool", "chaoslab")
_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load_topology(path: Path | None = None, *, kinds: Kinds) -> Topology:
    """The topology of `path`, or of the nearest file at or above the working directory.

    `path` is a file, or a folder to look in. A file called `pyproject.toml` is read from its
    table `[tool.chaoslab]`, any other from its top. `kinds` are those that a service may have:
    `chaoslab.services.kinds()`. Raises SpecError with every mistake found.
    """
    if path is None:
        path = find_topology(_here())
    elif os.path.isdir(path):
        found = _file_in(path)
        if found is None:
            raise _no_file(str(path), f"it has no {OWN_FILE} and no [tool.chaoslab]")
        path = found
    return read_topology(path, kinds=kinds)


def table_place(path: Path) -> tuple[str, ...]:
    """Where the topology's table is in a file of that name; empty for the whole file."""
    return ("tool", "chaoslab") if path.name == SHARED_FILE else ()


def find_topology(start: Path) -> Path:
    """The nearest `chaoslab.toml`, or `pyproject.toml` with `[tool.chaoslab]`, upwards.

    Raises SpecError if there is none, or both beside each other.
    """
    for folder in (start, *start.parents):
        found = _file_in(folder)
        if found is not None:
            return found
    raise _no_file(str(start), f"no {OWN_FILE} and no [tool.chaoslab] here or in a folder above")


def read_topology(path: Path, *, kinds: Kinds) -> Topology:
    """The topology of this one file. Raises SpecError with every mistake found."""
    file = _shown(path)
    document = _document(path, file)
    prefix: Place = ()
    table: Mapping[str, object] = document
    if path.name == SHARED_FILE:
        prefix, table = _TABLE, _shared_table(document, file)
    old = outdated(table, file)
    table = with_new_names(table, renamed(table))
    mask = mask_of_document(table, kinds)
    found = [*Names(table, prefix, file, kinds).problems()]
    try:
        shape = TopologyShape.model_validate(table)
    except ValidationError as error:
        found += shape_problems(error, prefix, file, mask)
    for below, own, wrong in kind_errors(table, kinds):
        found += shape_problems(wrong, prefix, file, mask, below=below, shape=own)
    if found:
        raise SpecError(map(mask.of, in_file_order(found, document)))
    if old:
        warnings.warn(old, OldTopology, stacklevel=2)
    return _topology(shape, path)


# os.path's tests answer False where pathlib's raise (no permission, a name that is too long).
def _file_in(folder: Path) -> Path | None:
    own, shared = folder / OWN_FILE, folder / SHARED_FILE
    if not os.path.isfile(own):
        return shared if os.path.isfile(shared) and _has_table(_document(shared)) else None
    if os.path.isfile(shared) and _has_table(_leniently(shared)):
        raise SpecError(
            [
                Problem(
                    where=_shown(own),
                    what=f"{SHARED_FILE} in the same folder also has [tool.chaoslab]",
                    expected="one of the two",
                    fix="remove one, or give the file by name",
                )
            ]
        )
    return own


def _leniently(path: Path) -> Mapping[str, object]:
    """The document, or nothing: a broken pyproject.toml is no concern of a `chaoslab.toml`."""
    try:
        return _document(path)
    except SpecError:
        return {}


def _has_table(document: Mapping[str, object]) -> bool:
    tool = document.get("tool")
    return isinstance(tool, dict) and "chaoslab" in tool


def _shared_table(document: Mapping[str, object], file: str) -> Mapping[str, object]:
    tool = document.get("tool")
    table = tool.get("chaoslab") if isinstance(tool, dict) else None
    if isinstance(table, dict):
        return table
    what = "has no table [tool.chaoslab]" if table is None else "tool.chaoslab is not a table"
    raise _no_file(file, what)


def _document(path: Path, file: str = "") -> Mapping[str, object]:
    file = file or _shown(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _no_file(file, "no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError([Problem(where=file, what=f"cannot be read: {reason}")]) from None
    try:
        # A byte order mark, as some editors leave it, is no mistake of the user's.
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(
            where=f"{file}:{line}",
            what=f"not UTF-8: byte 0x{data[error.start]:02x}",
            fix="save the file as UTF-8",
        )
    except ValueError as error:
        problem = _syntax_problem(file, str(error), data)
    except RecursionError:
        problem = Problem(where=file, what="not readable as TOML: nested too deeply")
    raise SpecError([problem])


def _syntax_problem(file: str, message: str, data: bytes) -> Problem:
    position = _TOML_POSITION.search(message)
    if position is None:
        return Problem(where=file, what=f"not valid TOML: {message}")
    what = f"not valid TOML: {message[: position.start()]}"
    if position[1] is None:
        last = data.count(b"\n") + 1
        return Problem(where=f"{file}:{last}", what=f"{what}, at the end")
    return Problem(where=f"{file}:{position[1]}:{position[2]}", what=what)


def _no_file(where: str, what: str) -> SpecError:
    fix = f"write a {OWN_FILE} (docs/topology.md has every key), or give the file by name"
    return SpecError([Problem(where=where, what=what, expected="a topology", fix=fix)])


def _shown(path: Path) -> str:
    """The path as the user would write it: relative where the file lies below."""
    here = _here()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _here() -> Path:
    """The working directory, or `.` where it was removed: then nothing is found, and said so."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()


def _topology(shape: TopologyShape, path: Path) -> Topology:
    source = Path(os.path.abspath(path))
    apps = {name: _app(name, app, source.parent) for name, app in shape.apps.items()}
    links = {
        Link(app=app.name, service=service).name: None
        for app in apps.values()
        for service in app.links
    }
    return Topology(
        name=shape.name or source.parent.name or "topology",
        services=services(shape.services),
        apps=apps,
        connectors={
            name: Connector(
                name=name,
                links=tuple(link for text in connector.links for link in normalised(text, links)),
            )
            for name, connector in shape.connectors.items()
        },
        images=images(shape.images),
        attach=_attach(shape.attach) if shape.attach else None,
        deployment=deployment(shape.deployment, source.parent, links) if shape.deployment else None,
        gate=gate(shape.gate) if shape.gate else None,
        secrets=secrets(shape.secrets),
        source=str(source),
    )


def _app(name: str, shape: AppShape, folder: Path) -> App:
    return App(
        name=name,
        command=tuple(shape.command),
        env=dict(shape.env),
        links=tuple(shape.links),
        port=shape.port,
        health=_health(shape.health),
        deadlines=Deadlines(**shape.deadlines.model_dump()),
        limits=Limits(**shape.limits.model_dump()),
        writes=WriteContract(**shape.writes.model_dump()) if shape.writes else None,
        container=_container(shape.container, folder) if shape.container else None,
    )


def _container(shape: ContainerShape, folder: Path) -> Container:
    """A build's context is seen from the file; whether it is there is for who builds to say."""
    if shape.build is None:
        return Container(image=shape.image)
    context = os.path.abspath(folder / shape.build.context)
    build = Build(context=context, dockerfile=shape.build.dockerfile, args=dict(shape.build.args))
    return Container(image=shape.image, build=build)


def _attach(shape: AttachShape) -> Attach:
    return Attach(
        toxiproxy=shape.toxiproxy.rstrip("/"),
        apps={name: app.url.rstrip("/") for name, app in shape.apps.items()},
        links={name: link.proxy for name, link in shape.links.items()},
        services={name: service.url for name, service in shape.services.items()},
    )


def _health(shape: HealthShape) -> HealthContract:
    words = {word.lower(): HealthState(state) for word, state in shape.words.items()}
    return HealthContract(
        **shape.model_dump(exclude={"words", "phases"}),
        phases=tuple(shape.phases),
        words={**DEFAULT_WORDS, **words},
    )
