"""The kinds of servers that apps depend on: one module for each kind, and the table of kinds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache

from chaoslab.errors import UNKNOWN_NAME, Problem, SpecError, did_you_mean
from chaoslab.extensions import SERVICES, extended
from chaoslab.model.placeholders import parsed
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import Kind
from chaoslab.services.http import HTTP
from chaoslab.services.mysql import MYSQL
from chaoslab.services.postgres import POSTGRES
from chaoslab.services.rabbitmq import RABBITMQ
from chaoslab.services.redis import REDIS
from chaoslab.services.tcp import TCP

TABLE: Mapping[str, Kind] = {
    kind.name: kind for kind in (POSTGRES, REDIS, MYSQL, RABBITMQ, TCP, HTTP)
}


@cache
def kinds() -> Mapping[str, Kind]:
    """Maps the name of every kind to the kind, for the table's kinds and installed extensions.

    Raises SpecError if an installed extension cannot be used.
    """
    return extended(SERVICES, TABLE, _a_kind)


def _a_kind(name: str, thing: object) -> Kind:
    if not isinstance(thing, Kind):
        raise ValueError(f"is a {type(thing).__name__}\nan instance of chaoslab.services.base.Kind")
    if thing.name != name:
        raise ValueError(f"its name is '{thing.name}'\n'{name}', the name of its entry point")
    return thing


def kind_of(name: str) -> Kind:
    """The kind of service with that name. Raises SpecError, with the known names, if there is
    none.
    """
    if name not in (known := kinds()):
        raise SpecError(
            Problem(
                reason=UNKNOWN_NAME(kind="kind of service", name=name),
                where="services",
                expected=f"one of: {', '.join(known)}",
                fix=did_you_mean(name, known),
            )
        )
    return known[name]


def last_messages() -> str:
    """The known last messages of clients and servers of every kind, as the JSON text for the
    engine's option `--last-messages`.
    """
    known = kinds().values()
    goodbyes = sorted(each.hex() for kind in known for each in kind.goodbyes)
    dismissals = [each.hex() for kind in known for each in kind.dismissals]
    return json.dumps({"goodbyes": goodbyes, "dismissals": dismissals})


def question_of(service: Service) -> Question:
    """What a canary sends to that service, and whether the service answers."""
    return kind_of(service.kind).question(service)


def url_values(service: Service, url: str, names: Iterable[str]) -> dict[str, str]:
    """Maps the placeholders that follow from the service's URL to their values: the URL itself, the
    fields of the kind, and each URL with another scheme among `names`.
    """
    kind = kind_of(service.kind)
    values = {f"{service.name}.{field}": value(url) for field, value in kind.fields.items()}
    for name in names:
        asked = parsed(name)
        if (asked.service, asked.field) == (service.name, "url") and asked.scheme is not None:
            values[name] = kind.url_as(url, asked.scheme)
    return {f"{service.name}.url": url, **values}
