"""The lengths for which a scenario holds a fault, one run each. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.model.plan import Plan
from chaoslab.model.values import wrong

LEAST_GAP_S = 0.01  # a run cannot hold a fault for a more exact time

NO_FAULT_HELD = ErrorCode(
    "lengths.no_fault_held",
    "no fault of the plan changes with the length",
    "The plans that a scenario makes for two lengths have the same faults.",
)
SEVERAL_HELD = ErrorCode(
    "lengths.several_held",
    "several faults change with the length: {faults}",
    "It is not said which of several faults is held for the length.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked: for which lengths the fault `fault` is held.

    `lengths_s` are the declared lengths in ascending order, with `at_least_s`. The app must survive
    `at_least_s`; with None no length is required. With `narrow_to_s` further lengths are tried
    between the longest one that the app survived and the shortest one that broke it, until they
    differ by at most so many seconds. With `try_all` the declared lengths after that one are tried
    too. No run begins later than `within_s` seconds after the first.
    """

    fault: str
    lengths_s: tuple[float, ...]
    at_least_s: float | None = None
    narrow_to_s: float | None = None
    try_all: bool = False
    within_s: float

    def requires(self, length_s: float) -> bool:
        """Whether the app must survive this length."""
        return self.at_least_s is not None and length_s <= self.at_least_s


def doubled(from_s: float, *, upto_s: float) -> tuple[float, ...]:
    """Lengths in seconds, each twice the one before: `from_s`, and on while at most `upto_s`.

    `doubled(0.5, upto_s=4)` is (0.5, 1, 2, 4). Raises SpecError if `from_s` is not above 0, or
    `upto_s` is less or infinite.
    """
    where = "doubled(...)"
    problems = [*_length(where, "from_s", from_s)]
    if not from_s <= upto_s < inf:
        problems.append(wrong(where, "upto_s", upto_s, f"{from_s} or more"))
    if problems:
        raise SpecError(problems)
    lengths_s = [from_s]
    while 2 * lengths_s[-1] <= upto_s:
        lengths_s.append(2 * lengths_s[-1])
    return tuple(lengths_s)


def search_of(
    plan: Callable[[float], Plan],
    *,
    lengths_s: Sequence[float],
    at_least_s: float | None,
    narrow_to_s: float | None,
    try_all: bool,
    within_s: float,
    fault: str,
) -> Search:
    """The search over the plans that `plan` makes for a length. `fault` may be empty if one fault
    alone changes with the length.

    Raises SpecError with every value that is not allowed, or if the fault that is held is not
    clear.
    """
    where = "how_long(...)"
    if problems := [*_values(where, lengths_s, at_least_s, narrow_to_s, within_s)]:
        raise SpecError(problems)
    asked_s = (*lengths_s, *(() if at_least_s is None else (at_least_s,)))
    ascending_s = tuple(sorted(set(map(float, asked_s))))
    short_s, long_s = ascending_s[0], ascending_s[-1]
    held = _changing(plan(short_s), plan(long_s if long_s > short_s else 2 * short_s))
    return Search(
        fault=_held(where, fault, held),
        lengths_s=ascending_s,
        at_least_s=at_least_s,
        narrow_to_s=narrow_to_s,
        try_all=try_all,
        within_s=within_s,
    )


def _values(
    where: str,
    lengths_s: Sequence[float],
    at_least_s: float | None,
    narrow_to_s: float | None,
    within_s: float,
) -> Iterator[Problem]:
    if not lengths_s:
        yield wrong(where, "lengths_s", tuple(lengths_s), "at least one length")
    for i, length_s in enumerate(lengths_s):
        yield from _length(where, f"lengths_s[{i}]", length_s)
    if at_least_s is not None:
        yield from _length(where, "at_least_s", at_least_s)
    if narrow_to_s is not None and not LEAST_GAP_S <= narrow_to_s < inf:
        yield wrong(where, "narrow_to_s", narrow_to_s, f"{LEAST_GAP_S} or more seconds")
    yield from _length(where, "within_s", within_s)


def _length(where: str, name: str, value: float) -> Iterator[Problem]:
    if not 0 < value < inf:
        yield wrong(where, name, value, "a number of seconds above 0")


def _changing(short: Plan, long: Plan) -> tuple[str, ...]:
    """The labels of the faults that differ between two plans."""
    others = {fault.label: fault for fault in long.faults}
    return tuple(
        fault.label
        for fault in short.faults
        if fault.label in others and others[fault.label] != fault
    )


def _held(where: str, fault: str, changing: tuple[str, ...]) -> str:
    """The label of the fault that is held: `fault`, or the only one of `changing`."""
    if not changing:
        fix = "use the length in the stop of a fault, as in stop=when.in_force('cut', hold_s)"
        raise SpecError(Problem(reason=NO_FAULT_HELD(), where=where, fix=fix))
    if not fault:
        if len(changing) > 1:
            fix = f"name one of them, as in fault='{changing[0]}'"
            raise SpecError(Problem(reason=SEVERAL_HELD(faults=changing), where=where, fix=fix))
        return changing[0]
    if fault not in changing:
        reason = UNKNOWN_NAME(kind="fault that changes with the length", name=fault)
        expected = "one of: " + ", ".join(changing)
        fix = did_you_mean(fault, changing)
        raise SpecError(Problem(reason=reason, where=where, expected=expected, fix=fix))
    return fault
