"""Triggers: each moment of a history has one, and all have the same parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import cast, get_args

import pytest

from chaoslab.model import when
from chaoslab.model.when import AtMoment, Moment

Make = Callable[..., AtMoment]
NOT_OF_APPS = {*when.OF_FAULTS, "done"}
GIVEN = {"acknowledged": (5,), "lost": ("redis",), **dict.fromkeys(NOT_OF_APPS, ("cut",))}


def makers() -> dict[str, Make]:
    """Every public function of `when` that makes a trigger of a moment."""
    return {
        name: cast("Make", each)
        for name, each in vars(when).items()
        if inspect.isfunction(each)
        and not name.startswith("_")
        and each.__module__ == when.__name__
        and name not in ("connection", "bounded")
    }


def made(name: str, **given: object) -> AtMoment:
    return makers()[name](*GIVEN.get(name, ()), **given)


def test_every_moment_of_the_history_has_its_trigger() -> None:
    """A plan could not use a moment without a trigger."""
    assert sorted(made(name).moment for name in makers()) == sorted(get_args(Moment))


@pytest.mark.parametrize("name", sorted(makers()))
def test_every_trigger_takes_the_seconds_after_it_and_how_long_it_is_waited_for(name: str) -> None:
    """The parameters have the same names for every moment."""
    moment = made(name, after_s=0.5, within_s=9.0)
    assert (moment.after_s, moment.within_s) == (0.5, 9.0)


@pytest.mark.parametrize("name", sorted(set(makers()) - NOT_OF_APPS))
def test_every_trigger_about_an_app_takes_the_app(name: str) -> None:
    """A plan with two apps must be able to name one."""
    assert made(name, app="web").of == "web"
    assert made(name).of == ""


@pytest.mark.parametrize("name", ["started", "degraded", "healthy", "lost", "in_force"])
def test_hold_s_is_understood_for_one_release_with_a_warning(name: str) -> None:
    """Older scenarios still run, and the warning has the new name."""
    with pytest.warns(DeprecationWarning, match=rf"when\.{name}\(hold_s=.*write after_s="):
        moment = made(name, hold_s=0.7)
    assert moment == made(name, after_s=0.7)
