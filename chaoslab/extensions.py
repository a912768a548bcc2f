"""What other distributions add, by entry points: the one place where they are looked up.

A room has an explicit table of its own kinds, and asks here for the table with what is installed
beside it. The name of an entry point is the name of the kind. Nothing registers itself when it is
imported, and what no run asks for is not imported. Entry points are enough: kinds are classes and
tables, not hooks that call each other in an order, which is what pluggy is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from chaoslab.errors import Problem, SpecError

FAULTS = "chaoslab.faults"
EXPECTATIONS = "chaoslab.expectations"
SERVICES = "chaoslab.services"
COLUMNS = "chaoslab.columns"

T = TypeVar("T")
# Returns the thing as it is asked for; raises ValueError with what was expected instead.
Check = Callable[[str, object], T]


def extended(group: str, own: Mapping[str, T], check: Check[T]) -> Mapping[str, T]:
    """`own` with everything that is installed in `group`, in the order of the names.

    Raises SpecError with each extension that cannot be used: it names a kind that is there already,
    cannot be imported, or is not what the group holds.
    """
    found: dict[str, T] = {}
    problems: list[Problem] = []
    for point in _installed(group):
        try:
            found[point.name] = _loaded(point, own, found, check)
        except ValueError as error:
            what, _, expected = str(error).partition("\n")
            problems.append(Problem(where=_place(point), what=what, expected=expected, fix=_FIX))
    if problems:
        raise SpecError(problems)
    return {**own, **found}


_FIX = "fix the distribution, or uninstall it"


def distributions(group: str) -> Mapping[str, str]:
    """Which distribution each installed kind of a group comes from, with its version."""
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
        thing = point.load()
    except Exception as error:  # an extension may fail in any way
        raise ValueError(
            f"cannot be imported: {type(error).__name__}: {error}".replace("\n", " ")
        ) from error
    return check(point.name, thing)


def a_kind(base: type[T]) -> Check[type[T]]:
    """Checks for classes of `base` that bear the name of their entry point as their `kind`."""

    def check(name: str, thing: object) -> type[T]:
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise ValueError(f"is {_shown(thing)}\na class derived from {_full_name(base)}")
        if (kind := getattr(thing, "__dataclass_fields__", {}).get("kind")) is None:
            raise ValueError(f"is {_shown(thing)}\na frozen dataclass")
        if kind.default != name:
            raise ValueError(f"its kind is '{kind.default}'\n'{name}', the name of its entry point")
        return thing

    return check


def _place(point: EntryPoint) -> str:
    return f"extension {_distribution(point)}: {point.group} '{point.name}' ({point.value})"


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "(unknown)"


def _full_name(of: type[object]) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def _shown(thing: object) -> str:
    return _full_name(thing) if isinstance(thing, type) else f"a {type(thing).__name__}"


def listed() -> Iterator[tuple[str, str, str]]:
    """Every installed extension: the group, the name, and the distribution that it comes from."""
    for group in (FAULTS, EXPECTATIONS, SERVICES, COLUMNS):
        for name, distribution in distributions(group).items():
            yield group, name, distribution
