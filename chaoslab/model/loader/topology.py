"""Reads a topology from `chaoslab.toml` or `[tool.chaoslab]`, or reports all mistakes at once."""

from __future__ import annotations

import os.path
import warnings
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from chaoslab.errors import OldTopology, SpecError
from chaoslab.model.dialects import DIALECTS, USUAL
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.loader.deployment import deployment
from chaoslab.model.loader.document import shown, table_place, topology_file, topology_table
from chaoslab.model.loader.gate import gate
from chaoslab.model.loader.kinds import Kinds, images, kind_errors, services
from chaoslab.model.loader.known_gaps import known_gaps
from chaoslab.model.loader.names import links_named, name_mistakes
from chaoslab.model.loader.policies import policies
from chaoslab.model.loader.renamed import changes_in, outdated, with_new_names
from chaoslab.model.loader.requests import request_contract
from chaoslab.model.loader.secrets import mask_of_document, secrets
from chaoslab.model.loader.shape import (
    AppShape,
    AttachShape,
    ContainerShape,
    HealthShape,
    TopologyShape,
)
from chaoslab.model.loader.shape_mistakes import in_file_order, shape_mistakes
from chaoslab.model.supervisor import Supervisor
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
)


def load_topology(path: Path | None = None, *, kinds: Kinds) -> Topology:
    """The topology of `path`, or of the nearest file in or above the working directory.

    `path` is a file, or the folder that has the file. A file called `pyproject.toml` is read from
    its table `[tool.chaoslab]`, any other from its top. `kinds` are those that a service may have:
    `chaoslab.services.kinds()`. Raises SpecError with every mistake found.
    """
    return read_topology(topology_file(path), kinds=kinds)


def read_topology(path: Path, *, kinds: Kinds) -> Topology:
    """The topology of the file `path`. Raises SpecError with every mistake found."""
    file, table = shown(path), topology_table(path)
    old = outdated(table, file)
    table = with_new_names(table, changes_in(table))
    mask = mask_of_document(table, kinds)
    found = [*name_mistakes(table, kinds)]
    try:
        shape = TopologyShape.model_validate(table)
    except ValidationError as error:
        found += shape_mistakes(error, mask)
    for below, own, wrong in kind_errors(table, kinds):
        found += shape_mistakes(wrong, mask, below=below, shape=own)
    if found:
        prefix = table_place(path)
        problems = (each.problem(file, prefix) for each in in_file_order(found, table))
        raise SpecError(map(mask.of, problems))
    if old:
        warnings.warn(old, OldTopology, stacklevel=2)
    return _topology(shape, path, kinds)


def _topology(shape: TopologyShape, path: Path, kinds: Kinds) -> Topology:
    source = Path(os.path.abspath(path))
    apps = {name: _app(name, app, source.parent) for name, app in shape.apps.items()}
    links = {
        Link(app=app.name, service=service).name: None
        for app in apps.values()
        for service in app.links
    }
    return Topology(
        name=shape.name or source.parent.name or "topology",
        services=services(shape.services, kinds),
        apps=apps,
        connectors={
            name: Connector(
                name=name,
                links=tuple(link for text in connector.links for link in links_named(text, links)),
            )
            for name, connector in shape.connectors.items()
        },
        images=images(shape.images),
        attach=_attach(shape.attach) if shape.attach else None,
        deployment=deployment(shape.deployment, source.parent, links) if shape.deployment else None,
        gate=gate(shape.gate) if shape.gate else None,
        secrets=secrets(shape.secrets),
        known_gaps=known_gaps(shape.known_gaps),
        source=str(source),
    )


def _app(name: str, shape: AppShape, folder: Path) -> App:
    return App(
        name=name,
        command=tuple(shape.command),
        cwd=os.path.abspath(folder / shape.cwd) if shape.cwd else "",
        prepare=tuple(tuple(command) for command in shape.prepare),
        prepare_timeout_s=shape.prepare_timeout_s,
        processes={key: tuple(command) for key, command in shape.processes.items()},
        env=dict(shape.env),
        links=tuple(shape.links),
        port=shape.port,
        network=shape.network,
        outside=tuple(dict.fromkeys(shape.outside)),
        health=_health(shape.health),
        deadlines=Deadlines(**shape.deadlines.model_dump()),
        limits=Limits(**shape.limits.model_dump()),
        requests={key: request_contract(key, each) for key, each in shape.requests.items()},
        policies={service: policies(each) for service, each in shape.policies.items()},
        needs={service: dict(each) for service, each in shape.needs.items()},
        container=_container(shape.container, folder) if shape.container else None,
        supervisor=Supervisor(**shape.supervisor.model_dump()) if shape.supervisor else None,
    )


def _container(shape: ContainerShape, folder: Path) -> Container:
    """The plain data of a table `container`. A build's context is relative to the topology file;
    whether it exists is checked only when the image is built.
    """
    cwd = shape.cwd or ""
    if shape.build is None:
        return Container(image=shape.image, cwd=cwd)
    context = os.path.abspath(folder / shape.build.context)
    build = Build(context=context, dockerfile=shape.build.dockerfile, args=dict(shape.build.args))
    return Container(image=shape.image, build=build, cwd=cwd)


def _attach(shape: AttachShape) -> Attach:
    return Attach(
        toxiproxy=shape.toxiproxy.rstrip("/"),
        apps={name: app.url.rstrip("/") for name, app in shape.apps.items()},
        links={name: link.proxy for name, link in shape.links.items()},
        services={name: service.url for name, service in shape.services.items()},
    )


def _health(shape: HealthShape) -> HealthContract:
    """The contract that a table means: a dialect gives the fields and words that the file does not
    declare.
    """
    usual = (DIALECTS[shape.dialect] if shape.dialect else USUAL).contract
    given = shape.model_dump(exclude={"dialect", "words", "phases"}, exclude_none=True)
    own_words = {word.lower(): HealthState(state) for word, state in shape.words.items()}
    return replace(usual, **given, phases=tuple(shape.phases), words={**usual.words, **own_words})
