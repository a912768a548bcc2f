"""Adds requests that a scenario declares, as the same tables that a topology file has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError

from chaoslab.errors import UNKNOWN_NAME, Problem, SpecError, did_you_mean
from chaoslab.model.loader.declared import Declared
from chaoslab.model.loader.kinds import Kinds
from chaoslab.model.loader.mistakes import Mistake, Table
from chaoslab.model.loader.request_names import request_mistakes
from chaoslab.model.loader.requests import RequestShape, request_contract
from chaoslab.model.loader.shape_mistakes import shape_mistakes
from chaoslab.model.masking import mask_of
from chaoslab.model.topology import App, Topology

Requests = Mapping[str, Mapping[str, Table]]  # the tables by app and by name
_WHERE = "chaos.run(requests=…)"


def with_requests(topology: Topology, requests: Requests, kinds: Kinds) -> Topology:
    """A copy of the topology in which the apps also have these requests. A request replaces one of
    the same name. `kinds` are those of services. Raises SpecError with every mistake found.
    """
    if not requests:
        return topology
    problems = [
        Problem(
            reason=UNKNOWN_NAME(kind="app", name=app),
            where=_WHERE,
            expected="one of: " + ", ".join(topology.apps),
            fix=did_you_mean(app, topology.apps),
        )
        for app in requests
        if app not in topology.apps
    ]
    if not problems:
        problems = [each.problem(_WHERE) for each in _mistakes(topology, requests, kinds)]
    if problems:
        raise SpecError(problems)
    return replace(
        topology,
        apps={name: _with(app, requests.get(name, {})) for name, app in topology.apps.items()},
    )


def _with(app: App, tables: Mapping[str, Table]) -> App:
    shapes = {name: RequestShape.model_validate(table) for name, table in tables.items()}
    added = {name: request_contract(name, shape) for name, shape in shapes.items()}
    return replace(app, requests={**app.requests, **added})


def _mistakes(topology: Topology, requests: Requests, kinds: Kinds) -> Iterator[Mistake]:
    mask = mask_of(topology)
    for app, tables in requests.items():
        for name, table in tables.items():
            try:
                RequestShape.model_validate(table)
            except ValidationError as error:
                place = ("apps", app, "requests", name)
                yield from shape_mistakes(error, mask, below=place)
    known = _declared(topology, requests, kinds)
    for app in requests:
        yield from request_mistakes(app, known)


def _declared(topology: Topology, requests: Requests, kinds: Kinds) -> Declared:
    """What the topology declares, with the requests of the scenario. Of the topology's own requests
    only what others refer to is there.
    """
    apps: dict[str, Table] = {
        name: {
            "links": list(app.links),
            "requests": {
                **{own.name: {"kind": own.kind, "path": own.path} for own in app.requests.values()},
                **requests.get(name, {}),
            },
        }
        for name, app in topology.apps.items()
    }
    services = {name: {"kind": service.kind} for name, service in topology.services.items()}
    links = {link.name: None for link in topology.links}
    return Declared(services=services, apps=apps, connectors={}, links=links, kinds=kinds)
