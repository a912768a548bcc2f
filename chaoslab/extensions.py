"""Finds the extensions of chaoslab that other installed distributions declare as entry points.

Each registry has an explicit table of its own kinds, and `extended` merges the installed extensions
into that table. The name of an entry point is the name of the kind. An import registers nothing,
and an extension is imported only when its registry is used. pluggy is not needed: a kind is a class
or a value, not a chain of hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from chaoslab.errors import ErrorCode, Problem, SpecError

FAULTS = "chaoslab.faults"
EXPECTATIONS = "chaoslab.expectations"
SERVICES = "chaoslab.services"
COLUMNS = "chaoslab.columns"

UNUSABLE = ErrorCode(
    "extension.unusable",
    "{cause}",
    "An installed extension fails to import, or has a wrong type or name.",
)

T = TypeVar("T")
# Returns the loaded object with its type. Raises ValueError with what is wrong and, on a second
# line, what was expected.
Check = Callable[[str, object], T]


def extended(group: str, own: Mapping[str, T], check: Check[T]) -> Mapping[str, T]:
    """Maps each name to its kind: the entries of `own`, then the installed extensions of `group` in
    the order of their names.

    Raises SpecError with each extension that cannot be used: its name is taken, it cannot be
    imported, or it is not of the type that the group requires.
    """
    found: dict[str, T] = {}
    problems: list[Problem] = []
    for point in _installed(group):
        try:
            found[point.name] = _loaded(point, own, found, check)
        except ValueError as error:
            what, _, expected = str(error).partition("\n")
            reason, fix = UNUSABLE(cause=what), "fix the distribution, or uninstall it"
            problems.append(Problem(reason=reason, where=_place(point), expected=expected, fix=fix))
    if problems:
        raise SpecError(problems)
    return {**own, **found}


def distributions(group: str) -> Mapping[str, str]:
    """Maps the name of each installed extension of a group to its distribution and version."""
    return {point.name: _distribution(point) for point in _installed(group)}


@cache
def _installed(group: str) -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=group), key=lambda point: point.name))


def _loaded(point: EntryPoint, own: Mapping[str, T], found: Mapping[str, T], check: Check[T]) -> T:
    if point.name in own:
        raise ValueError(f"chaoslab itself has '{point.name}'\na name of its own")
    if point.name in found:
        raise ValueError(f"another distribution has '{point.name}' too\na name of its own")
    try:
        loaded = point.load()
    except Exception as error:  # an extension may fail in any way
        raise ValueError(
            f"cannot be imported: {type(error).__name__}: {error}".replace("\n", " ")
        ) from error
    return check(point.name, loaded)


def kind_classes(group: str, base: type[T], own: Iterable[type[T]]) -> Mapping[str, type[T]]:
    """Maps the name of each kind to its class: the classes of `own`, and the extensions of `group`.

    Raises SpecError like `extended`.
    """
    named = {str(getattr(each, "__dataclass_fields__", {})["kind"].default): each for each in own}
    return extended(group, named, _class_of(base))


def _class_of(base: type[T]) -> Check[type[T]]:
    """Return a Check for classes: a function that returns a loaded object if it is a subclass of
    `base` whose `kind` is the name of its entry point, and raises ValueError if not.
    """

    def check(name: str, loaded: object) -> type[T]:
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise ValueError(f"is {_shown(loaded)}\na class derived from {_full_name(base)}")
        if (kind := getattr(loaded, "__dataclass_fields__", {}).get("kind")) is None:
            raise ValueError(f"is {_shown(loaded)}\na frozen dataclass")
        if kind.default != name:
            raise ValueError(f"its kind is '{kind.default}'\n'{name}', the name of its entry point")
        return loaded

    return check


def _place(point: EntryPoint) -> str:
    return f"extension {_distribution(point)}: {point.group} '{point.name}' ({point.value})"


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "(unknown)"


def _full_name(of: type[object]) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def _shown(loaded: object) -> str:
    return _full_name(loaded) if isinstance(loaded, type) else f"a {type(loaded).__name__}"


def listed() -> Iterator[tuple[str, str, str]]:
    """Yield every installed extension as (group, name, distribution and version)."""
    for group in (FAULTS, EXPECTATIONS, SERVICES, COLUMNS):
        for name, distribution in distributions(group).items():
            yield group, name, distribution
