"""The lengths of a search, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chaoslab.errors import SpecError
from chaoslab.faults import Severed
from chaoslab.model import when
from chaoslab.model.lengths import Search, doubled, search_of
from chaoslab.model.plan import Plan


def cut(target: str, hold_s: float) -> Severed:
    return Severed(name=f"cut-{target}", target=target, stop=when.in_force(f"cut-{target}", hold_s))


def one(hold_s: float) -> Plan:
    """A plan with one fault that is held."""
    return Plan(faults=(cut("redis", hold_s), Severed(name="other", target="postgres")))


def two(hold_s: float) -> Plan:
    """A plan with two of them."""
    return Plan(faults=(cut("redis", hold_s), cut("postgres", hold_s)))


def none(_: float) -> Plan:
    """A plan with none."""
    return one(1.0)


def asked(plan: Callable[[float], Plan] = one, **values: Any) -> Search:
    """The search with the defaults of `chaos.how_long`."""
    usual = {
        "lengths_s": (1.0, 2.0),
        "at_least_s": None,
        "narrow_to_s": None,
        "try_all": False,
        "within_s": 60.0,
        "fault": "",
    }
    return search_of(plan, **(usual | values))


def test_doubled_ends_at_the_last_length_that_is_not_too_long() -> None:
    """The upper bound is a length if doubling reaches it."""
    assert doubled(0.5, upto_s=4) == (0.5, 1, 2, 4)
    assert doubled(0.5, upto_s=7.9) == (0.5, 1, 2, 4)
    assert doubled(3, upto_s=3) == (3,)


@pytest.mark.parametrize(("from_s", "upto_s"), [(0, 1), (-1, 1), (2, 1), (1, float("inf"))])
def test_doubled_refuses_bounds_without_an_end(from_s: float, upto_s: float) -> None:
    """Zero doubled stays zero."""
    with pytest.raises(SpecError, match=r"doubled\(\.\.\.\)"):
        doubled(from_s, upto_s=upto_s)


def test_the_required_length_is_tried_and_all_are_in_order() -> None:
    """Each once. A claim about a length needs a run with it."""
    found = asked(lengths_s=(4, 1, 1), at_least_s=3)
    assert found.lengths_s == (1, 3, 4)
    assert [found.requires(s) for s in (1, 3, 4)] == [True, True, False]
    assert not asked().requires(1)


def test_the_fault_that_changes_with_the_length_is_found() -> None:
    """Also where only one length is declared; one of several must be named."""
    assert asked().fault == "cut-redis"
    assert asked(lengths_s=(1.0,)).fault == "cut-redis"
    assert asked(two, fault="cut-postgres").fault == "cut-postgres"


@pytest.mark.parametrize(
    ("plan", "fault", "code", "hint"),
    [
        (none, "", "lengths.no_fault_held", "stop=when.in_force"),
        (two, "", "lengths.several_held", "fault='cut-redis'"),
        (one, "other", "name.unknown", "one of: cut-redis"),
        (one, "cut-reddis", "name.unknown", "did you mean 'cut-redis'"),
    ],
)
def test_an_unclear_fault_is_a_mistake_with_its_fix(
    plan: Callable[[float], Plan], fault: str, code: str, hint: str
) -> None:
    """Runs that all hold it for the same time would show nothing."""
    with pytest.raises(SpecError, match="how_long") as raised:
        asked(plan, fault=fault)
    assert raised.value.code == code
    assert hint in str(raised.value)


def test_all_wrong_values_are_reported_at_once() -> None:
    """Before anything runs."""
    with pytest.raises(SpecError) as raised:
        asked(lengths_s=(0, 1, float("nan")), at_least_s=-1, narrow_to_s=0, within_s=0)
    names = [problem.data["name"] for problem in raised.value.problems]
    assert names == ["lengths_s[0]", "lengths_s[2]", "at_least_s", "narrow_to_s", "within_s"]
    with pytest.raises(SpecError, match="at least one length"):
        asked(lengths_s=())
