"""Problems of single values, as plans and their parts report them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.errors import Problem, did_you_mean


def above(where: str, bound: float, **values: float) -> Iterator[Problem]:
    """A problem for each value that is not more than `bound`."""
    for name, value in values.items():
        if not value > bound:
            yield wrong(where, name, value, f"more than {bound}")


def one_of(where: str, name: str, value: str, known: tuple[str, ...]) -> Iterator[Problem]:
    """A problem where the value is not one of those that are known."""
    if value not in known:
        expected = "one of: " + ", ".join(known)
        yield wrong(where, name, value, expected, did_you_mean(value, known))


def wrong(where: str, name: str, value: object, expected: str, fix: str = "") -> Problem:
    """The problem of one value: what it is, what was expected, and the fix."""
    return Problem(where=where, what=f"{name} is {value!r}", expected=expected, fix=fix)
