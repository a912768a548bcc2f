"""The tables whose keys depend on the kinds of service: `[services.<name>]` and `[images]`.

The caller passes the kinds: they are in `chaoslab.services` or in other distributions, and this
package must not import them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field, ValidationError, create_model

from chaoslab.model.loader.base import Shape, rule
from chaoslab.model.loader.rules import is_pinned
from chaoslab.model.topology import Images, Service

PINNED = "a string, name:tag with a fixed tag (never latest), or name@sha256:digest"
ImageName = Annotated[str, rule(is_pinned)]
Pattern = tuple[str, ...]
Table = Mapping[str, object]


class KnownKind(Protocol):
    """What reading a topology needs to know about a kind of service."""

    @property
    def name(self) -> str: ...

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes of the URLs of a service of this kind, the usual one first."""

    @property
    def keys(self) -> type[Shape]:
        """The kind's own keys in `[services.<name>]`, beside `kind`."""

    @property
    def image(self) -> str:
        """The image of a service of this kind in a container. Empty if `[images]` has no key for
        the kind.
        """

    @property
    def fields(self) -> Collection[str]:
        """The placeholders of a service of this kind, besides `url`, `host` and `port`."""

    @property
    def finds_by(self) -> str:
        """How the lab looks up what an app wrote to a service of this kind: by `table` or by
        `key`. Empty if it cannot.
        """


Kinds = Mapping[str, KnownKind]


class ImagesShape(Shape):
    """The keys of the table `[images]`, without the keys of the kinds."""

    toxiproxy: ImageName = Field(default=Images().toxiproxy, description=PINNED)
    python: ImageName = Field(default=Images().python, description=PINNED)


class _AnyKeys(Shape):
    """The table of an unknown kind: any key is allowed."""

    model_config = ConfigDict(extra="ignore")


def service_shape(kinds: Kinds, kind: object = None) -> type[Shape]:
    """The shape of the table `[services.<name>]` of a service of this kind. For an unknown kind
    only the key `kind` is checked.
    """
    keys = kinds[kind].keys if isinstance(kind, str) and kind in kinds else _AnyKeys
    field: Any = (Literal[tuple(kinds)], Field(description="one of: " + ", ".join(kinds)))
    return create_model("ServiceShape", __base__=keys, kind=field)


def images_shape(kinds: Kinds) -> type[Shape]:
    """The shape of `[images]`, with a key for each kind that has an image."""
    fields: dict[str, Any] = {
        kind.name: (ImageName, Field(default=kind.image, description=PINNED))
        for kind in kinds.values()
        if kind.image
    }
    return create_model("ImagesShape", __base__=ImagesShape, **fields)


def kind_errors(
    document: Table, kinds: Kinds
) -> Iterator[tuple[Pattern, type[Shape], ValidationError]]:
    """The place, the shape and the errors of each table in `document` that does not have the shape
    of its kind. Only `[services.<name>]` and `[images]` are checked.
    """
    shapes: list[tuple[Pattern, type[Shape], object]] = [
        (("services", name), service_shape(kinds, table.get("kind")), table)
        for name, table in _tables(document.get("services")).items()
    ]
    shapes.append((("images",), images_shape(kinds), document.get("images")))
    for place, shape, table in shapes:
        if isinstance(table, dict):
            try:
                shape.model_validate(table)
            except ValidationError as error:
                yield place, shape, error


def services(tables: Mapping[str, Mapping[str, Any]], kinds: Kinds) -> dict[str, Service]:
    """Maps the name of each service to the service that its valid table describes. The keys of a
    kind stay as in the file.
    """
    return {
        name: Service(
            name=name,
            kind=table["kind"],
            settings={key: value for key, value in table.items() if key != "kind"},
            fields=tuple(kinds[table["kind"]].fields),
        )
        for name, table in tables.items()
    }


def images(table: Mapping[str, Any]) -> Images:
    """The images that the valid table `[images]` describes."""
    own = {key: value for key, value in table.items() if key in ImagesShape.model_fields}
    return Images(services={key: table[key] for key in table if key not in own}, **own)


def _tables(value: object) -> dict[str, dict[str, object]]:
    found = value if isinstance(value, dict) else {}
    return {name: table for name, table in found.items() if isinstance(table, dict)}
