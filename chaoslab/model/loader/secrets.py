"""The table `[secrets]` of a topology file, and the mask for errors that quote values of
the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from pydantic import Field

from chaoslab.model.loader.base import NonEmpty, Shape, VariableName
from chaoslab.model.mask import Mask
from chaoslab.model.placeholders import is_of_service, names_in
from chaoslab.model.secrets import looks_secret, secrets_of_command, secrets_within
from chaoslab.model.topology import Secrets


class SecretsShape(Shape):
    """The keys of the table `[secrets]`."""

    variables: list[VariableName] = Field(
        default_factory=list, description="a list of names of variables whose values are secret"
    )
    values: list[NonEmpty] = Field(
        default_factory=list, description="a list of strings that are secret everywhere"
    )


def secrets(shape: SecretsShape) -> Secrets:
    """The plain data of the table `[secrets]`."""
    return Secrets(variables=tuple(shape.variables), values=tuple(shape.values))


def mask_of_document(table: Mapping[str, object], kinds: Iterable[str]) -> Mask:
    """The mask for the secrets of a topology's table, which may have any mistake. `kinds` are names
    of kinds of service; the mask does not hide these names.
    """
    own = table.get("secrets")
    listed = _texts(own.get("variables")) if isinstance(own, dict) else []
    values = _texts(own.get("values")) if isinstance(own, dict) else []
    services = table.get("services")
    names = tuple(services) if isinstance(services, dict) else ()
    return Mask([*values, *_found(table, listed, names)], listed=listed, words=kinds)


def _found(
    value: object, listed: Collection[str], services: Collection[str], name: str = ""
) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _found(each, listed, services, str(key))
    elif isinstance(value, list):
        words = [text for text in _texts(value) if not is_of_service(text, services)]
        yield from secrets_of_command(words, listed)
        for each in value:
            yield from _found(each, listed, services, name)
    elif value is not None and not is_of_service(str(value), services):
        text = str(value)
        if looks_secret(name, listed):
            yield text
            yield from names_in(text)  # an error would quote these as unknown placeholders
        yield from secrets_within(text, listed)


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
