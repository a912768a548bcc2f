"""Finds the app's word and its dependencies in the body of a health answer. Pure."""

from __future__ import annotations

from itertools import islice

from chaoslab.model.expressions import value_at
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.probes.base import MOST_ENTRIES, as_text
from chaoslab.probes.body import check_values, word_of

USUAL_FIELD = "status"  # of a dependency's object
UNKNOWN_WORD = "?"


def value_of(field: str, body: object) -> object:
    """The value at a field of a health contract: the member of that name, else what the field finds
    as an expression. None if there is none. Raises BadBody if the body is too large to search.
    """
    if not field:
        return None
    if isinstance(body, dict) and field in body:
        return body[field]
    if field.isidentifier() and field.isascii():
        return None
    check_values(body)
    return value_at(field, body)


def dependencies_of(contract: HealthContract, body: object) -> dict[str, str]:
    """Maps the name of each dependency in a body to its word; at most `MOST_ENTRIES`, each text
    cut. Raises BadBody if the body is too large to search.

    Three forms are read: an object of words or objects, an object of lists of checks (IETF
    health+json), and a list of named checks (MicroProfile).
    """
    named = value_of(contract.dependencies_field, body)
    if isinstance(named, list):
        checks = [item for item in named if isinstance(item, dict)]
        named = {item["name"]: item for item in checks if isinstance(item.get("name"), str)}
    if not isinstance(named, dict):
        return {}
    values: dict[str, list[object]] = {}
    for name, value in islice(named.items(), MOST_ENTRIES):
        checks = value if isinstance(value, list) else [value]
        values.setdefault(as_text(_name(contract, name)), []).extend(checks)
    return {name: _worst(contract, checks) for name, checks in values.items()}


def _name(contract: HealthContract, name: str) -> str:
    """The name without what follows the separator. The whole name if nothing else is left."""
    separator = contract.name_separator
    return (name.partition(separator)[0] if separator else name) or name


def _worst(contract: HealthContract, checks: list[object]) -> str:
    """The word of the first of several checks that is not healthy, else the first word."""
    words = [_word(contract, each) for each in checks]
    good = HealthState.HEALTHY
    bad = (word for word in words if contract.words.get(word.lower()) is not good)
    return next(bad, words[0] if words else UNKNOWN_WORD)


def _word(contract: HealthContract, value: object) -> str:
    if isinstance(value, dict):
        own = word_of(value_of(contract.status_field, value))
        return own or word_of(value.get(USUAL_FIELD)) or UNKNOWN_WORD
    return word_of(value) or UNKNOWN_WORD
