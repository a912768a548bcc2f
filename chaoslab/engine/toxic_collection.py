"""The toxics of one proxy: their names, their order, and how they are read from JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, cast

from chaoslab.engine import wire
from chaoslab.engine.chunks import Direction
from chaoslab.engine.toxics import TOXICS
from chaoslab.engine.toxics.base import Settings
from chaoslab.engine.wire import ApiError, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """One toxic of a proxy; an update makes a new object.

    `stream` is the text that the user wrote (the API shows it unchanged), `direction` is the
    Direction that it means.
    """

    name: str
    type: str
    stream: str
    direction: Direction
    toxicity: float
    settings: Settings

    def as_json(self) -> dict[str, object]:
        """The toxic as a JSON object, with the fields in Toxiproxy's order."""
        return {
            "attributes": dataclasses.asdict(cast("Any", self.settings)),
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": wire.number(self.toxicity),
        }


def read_toxic(value: Json, taken: Container[str] = ()) -> Toxic:
    """A toxic from the body that creates it, with Toxiproxy's defaults and statuses.

    Raises ApiError 400 if it cannot be read, 409 if its name is `taken`. The name is checked
    before the attributes.
    """
    members = wire.members(value)
    attributes = wire.members(members.get("attributes"), "attributes")
    toxicity = wire.float_of(members, "toxicity", 1.0)
    type_ = wire.text_of(members, "type", "")
    stream = wire.text_of(members, "stream", "downstream")
    name = wire.text_of(members, "name", "") or f"{type_}_{stream}"
    try:
        direction = Direction(stream.lower())
    except ValueError:
        raise ApiError("stream was invalid, can be either upstream or downstream", 400) from None
    if type_ not in TOXICS:
        raise ApiError("invalid toxic type", 400)
    if name in taken:
        raise ApiError("toxic already exists", 409)
    return Toxic(
        name=name,
        type=type_,
        stream=stream,
        direction=direction,
        toxicity=toxicity,
        settings=_read_settings(TOXICS[type_](), attributes),
    )


def update_toxic(old: Toxic, value: Json) -> Toxic:
    """A copy of the toxic with the attributes and toxicity of the body.

    Attributes that the body omits are unchanged.
    """
    members = wire.members(value)
    attributes = wire.members(members.get("attributes"), "attributes")
    return dataclasses.replace(
        old,
        toxicity=wire.float_of(members, "toxicity", old.toxicity),
        settings=_read_settings(old.settings, attributes),
    )


def _read_settings(default: Settings, attributes: Mapping[str, Json]) -> Settings:
    given: dict[str, int | str] = {}
    for field in dataclasses.fields(cast("Any", default)):
        current = getattr(default, field.name)
        if isinstance(current, int):
            given[field.name] = wire.int_of(attributes, field.name, current)
        else:
            given[field.name] = wire.text_of(attributes, field.name, current)
    try:
        return cast("Settings", dataclasses.replace(cast("Any", default), **given))
    except ValueError as error:
        raise ApiError(str(error), 400) from None


class ToxicCollection:
    """The toxics of one proxy, in the order in which they were added."""

    def __init__(self) -> None:
        self._toxics: dict[str, Toxic] = {}

    def names(self) -> Container[str]:
        """The names of all toxics of the proxy, in both directions."""
        return self._toxics.keys()

    def in_direction(self, direction: Direction) -> list[Toxic]:
        """The toxics of `direction`, in the order in which they were added."""
        return [toxic for toxic in self._toxics.values() if toxic.direction is direction]

    def all(self) -> list[Toxic]:
        """All toxics, upstream before downstream, as Toxiproxy lists them."""
        return self.in_direction(Direction.UPSTREAM) + self.in_direction(Direction.DOWNSTREAM)

    def get(self, name: str) -> Toxic:
        """The toxic with this name. Raises ApiError 404 if there is none."""
        try:
            return self._toxics[name]
        except KeyError:
            raise ApiError("toxic not found", 404) from None

    def add(self, toxic: Toxic) -> None:
        """Append a toxic. Raises ApiError 409 if the name is taken, in either direction."""
        if toxic.name in self._toxics:
            raise ApiError("toxic already exists", 409)
        self._toxics[toxic.name] = toxic

    def replace(self, toxic: Toxic) -> None:
        """Put `toxic` in the place of the toxic with the same name; the order does not change."""
        self._toxics[toxic.name] = toxic

    def remove(self, name: str) -> None:
        """Remove the toxic with this name. Raises ApiError 404 if there is none."""
        del self._toxics[self.get(name).name]

    def clear(self) -> None:
        """Remove all toxics."""
        self._toxics.clear()
