"""Makes the problems with single values of a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaoslab.errors import ErrorCode, Problem, did_you_mean

BAD_VALUE = ErrorCode(
    "plan.bad_value", "{name} is {value}", "A value of a plan cannot be used as it is written."
)
NAME_TAKEN = ErrorCode(
    "plan.name_taken",
    "the name '{name}' is used by {kind}[{index}]",
    "Two faults, steps or probes of a plan have the same name.",
)
NO_WRITES = ErrorCode(
    "plan.no_writes",
    "'{needed_by}' requires a write, but the app '{app}' declares none that can be found again",
    "An expectation needs writes, and the app has no request of the kind write with found.",
)
NO_REQUESTS = ErrorCode(
    "plan.no_requests",
    lambda data: (
        f"'{data['needed_by']}' requires a request, but the app '{data['app']}' declares none"
        + (f" of the kind {data['kinds']}" if data["kinds"] else "")
    ),
    "A load or an expectation needs a request, and the app declares none of the right kind.",
    data=("needed_by", "app", "kinds"),
)


def above(where: str, bound: float, **values: float) -> Iterator[Problem]:
    """A problem for each of the named values that is not above `bound`. `where` is their place."""
    for name, value in values.items():
        if not value > bound:
            yield wrong(where, name, value, f"more than {bound}")


def one_of(where: str, name: str, value: str, known: tuple[str, ...]) -> Iterator[Problem]:
    """A problem if the value of `name` is not one of `known`; else nothing."""
    if value not in known:
        expected = "one of: " + ", ".join(known)
        yield wrong(where, name, value, expected, did_you_mean(value, known))


def wrong(where: str, name: str, value: object, expected: str, fix: str = "") -> Problem:
    """The problem with one value: its name, what it is, what was expected, and the fix."""
    reason = BAD_VALUE(name=name, value=repr(value))
    return Problem(reason=reason, where=where, expected=expected, fix=fix)


def names_taken(where: str, kind: str, names: Sequence[str]) -> Iterator[Problem]:
    """A problem for each entry of `names` that an earlier entry has too. Empty names are ignored.
    `kind` is the list of the plan that has the names: `faults`, `steps` or `probes`.
    """
    for i, name in enumerate(names):
        if name and (first := names.index(name)) != i:
            reason = NAME_TAKEN(name=name, kind=kind, index=first)
            yield Problem(
                reason=reason, where=f"{where}: {kind}[{i}]", fix="give one of them another name="
            )


def no_writes(where: str, needed_by: str, app: str) -> Problem:
    """The problem that a part of the plan needs writes of an app that declares none."""
    fix = f'add [apps.{app}.requests.<name>] with kind = "write" and found'
    return Problem(reason=NO_WRITES(needed_by=needed_by, app=app), where=where, fix=fix)


def no_requests(where: str, needed_by: str, app: str, *kinds: str) -> Problem:
    """The problem that a part of the plan needs requests of an app that declares none."""
    fix = f"add [apps.{app}.requests.<name>]"
    return Problem(
        reason=NO_REQUESTS(needed_by=needed_by, app=app, kinds=" or ".join(kinds)),
        where=where,
        fix=fix,
    )
