"""The toxics of one proxy: their names, their order, and how they are read from the wire."""

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

AT_HEAL = ("deliver", "reset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """One toxic of a proxy; an update makes a new one.

    `stream` is as the user wrote it (Toxiproxy echoes its case), `direction` the parsed value.
    """

    name: str
    type: str
    stream: str
    direction: Direction
    toxicity: float
    settings: Settings

    def on_the_wire(self) -> dict[str, object]:
        """Toxiproxy's shape, members in its order."""
        return {
            "attributes": dataclasses.asdict(cast("Any", self.settings)),
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": wire.number(self.toxicity),
        }


def read_toxic(value: Json, taken: Container[str] = ()) -> Toxic:
    """A toxic from the body that creates it: defaults and statuses as Toxiproxy's.

    400 for what cannot be read, 409 for a name that is `taken`: before the attributes are read.
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
    """The toxic with the attributes and toxicity that the body names; the rest stays."""
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
    if given.get("at_heal", AT_HEAL[0]) not in AT_HEAL:
        raise ApiError(
            f"silence: at_heal was {given['at_heal']!r}, expected 'deliver' or 'reset'", 400
        )
    return cast("Settings", dataclasses.replace(cast("Any", default), **given))


class ToxicCollection:
    """The toxics of one proxy, per direction in the order in which they were added."""

    def __init__(self) -> None:
        self._toxics: dict[str, Toxic] = {}

    def names(self) -> Container[str]:
        """The names that are taken, in either direction."""
        return self._toxics.keys()

    def along(self, direction: Direction) -> list[Toxic]:
        """The toxics of one direction, first added first."""
        return [toxic for toxic in self._toxics.values() if toxic.direction is direction]

    def all(self) -> list[Toxic]:
        """Upstream before downstream, as Toxiproxy lists them."""
        return self.along(Direction.UPSTREAM) + self.along(Direction.DOWNSTREAM)

    def get(self, name: str) -> Toxic:
        """The toxic of that name, or 404."""
        try:
            return self._toxics[name]
        except KeyError:
            raise ApiError("toxic not found", 404) from None

    def add(self, toxic: Toxic) -> None:
        """Append it, or 409 if the name is taken in either direction."""
        if toxic.name in self._toxics:
            raise ApiError("toxic already exists", 409)
        self._toxics[toxic.name] = toxic

    def replace(self, toxic: Toxic) -> None:
        """Put an updated toxic in its old place."""
        self._toxics[toxic.name] = toxic

    def remove(self, name: str) -> None:
        """Remove it, or 404."""
        del self._toxics[self.get(name).name]

    def clear(self) -> None:
        """Remove all."""
        self._toxics.clear()
