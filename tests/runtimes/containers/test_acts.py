"""A lab that stops a container itself, and a look at it that takes its time. Without an engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaoslab.runtimes.containers.parts import ContainerPart

RUNS = {"Paused": False, "Running": True, "Pid": 0, "ExitCode": 0}
ENDED = {**RUNS, "Running": False, "ExitCode": 137}
FROZEN = {**RUNS, "Paused": True}


def part(*states: dict[str, Any]) -> ContainerPart:
    """A part that is in one state after the other, and in the last one for ever."""
    left = list(states)

    def inspect(_: str) -> dict[str, Any]:
        return {"State": left.pop(0) if len(left) > 1 else left[0]}

    api = SimpleNamespace(inspect_container=inspect)
    container = SimpleNamespace(
        id="none",
        name="postgres",
        client=SimpleNamespace(api=api),
        logs=lambda tail: b"a last line\n",
    )
    return ContainerPart(name="postgres", container=cast("Any", container))


@pytest.mark.parametrize("state", [ENDED, FROZEN], ids=["restarted", "paused"])
async def test_an_act_of_the_lab_within_one_look_is_no_trouble(state: dict[str, Any]) -> None:
    """It was up when the look began, and is up again when the engine's answer is there."""
    assert await part(state, RUNS).trouble() is None


async def test_a_change_from_outside_is_still_reported_at_the_next_check() -> None:
    """It is reported with the last lines of the container."""
    trouble = await part(ENDED).trouble()
    assert trouble is not None
    assert (trouble.what, trouble.ended) == ("it ended by SIGKILL", True)
    assert trouble.log == ("a last line",)
    frozen = await part(FROZEN).trouble()
    assert frozen is not None
    assert not frozen.ended
