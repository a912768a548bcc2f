"""What is printed while a lab is held, and what ends the hold."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from rigs.cell_histories import cell

from chaoslab.history.events import AnyEvent, FaultEffect
from chaoslab.lab.scenario_code import ScenarioCode
from chaoslab.matrix.hold import Hold
from chaoslab.model import when
from chaoslab.model.cell import Cell
from chaoslab.model.when import AtMoment
from chaoslab.reason import Reason

from .test_paste import inside

EFFECT = FaultEffect(
    at_s=3.0, fault="fault", app="web", what=Reason(code="x", text="it answers 503")
)


USUAL = when.affected("fault", 0.0, within_s=4.0)


class Scene:
    """Stands for the run: the app was spawned, and the fault has an effect or not."""

    def __init__(self, effect: AnyEvent | None = EFFECT) -> None:
        self._effect = effect
        self.address = "http://127.0.0.1:40"

    async def moment(self, moment: AtMoment) -> AnyEvent | None:
        return self._effect if moment.moment == "affected" else None

    def url(self, _: str) -> str:
        return self.address

    def inside(self, _: str) -> Any:
        return inside()


async def looked(
    of: Cell, *, limit_s: float = 0.05, scene: Scene | None = None, usual: AtMoment | None = USUAL
) -> list[str]:
    """All that is printed of one hold."""
    lines: list[str] = []
    hold = Hold(cell=of, limit_s=limit_s, say=lines.append, terminal=True)
    await hold.look(cast("ScenarioCode", scene or Scene()), usual=usual)
    return lines


async def test_the_first_line_says_whether_the_fault_affects_the_app() -> None:
    """Never more than was observed; then come the addresses."""
    lines = await looked(cell("refused"))
    fault = "postgres refused, running: the fault is in force"
    assert lines[0] == f"{fault} and affects the app: it answers 503"
    assert lines[1] == "web: http://127.0.0.1:40"
    unseen = await looked(cell("refused"), scene=Scene(None))
    assert unseen[0] == f"{fault}, not observed to affect the app in 4 s"
    at_once = await looked(cell("restarted"), usual=None)
    assert at_once[0] == "postgres restarted, running: the fault is in force"
    steady = await looked(cell("none"), usual=None)
    assert steady[0].endswith("the start-up is complete, no fault is in force")


async def test_a_hold_ends_at_its_limit() -> None:
    """And says what comes next."""
    lines = await looked(cell("refused"))
    healed = "the fault is healed, and the lab waits until the app is back"
    assert lines[-2].endswith(f"or for 0.05 s; then: {healed}")
    assert lines[-1] == f"0.05 s are over; next: {healed}"


async def test_a_fault_is_in_force_for_as_long_as_in_any_cell() -> None:
    """Else the claims of the cell could not be judged. Without an effect nothing is claimed."""
    usual = when.affected("fault", 0.3, within_s=4.0)
    lines = await looked(cell("refused"), usual=usual)
    assert "the fault stays for 0.2 s more, as in any cell" in lines[-2]
    assert not any(
        " more, " in line for line in await looked(cell("refused"), usual=usual, scene=Scene(None))
    )


async def test_ctrl_c_ends_the_hold_and_not_the_run() -> None:
    """Later the usual handler is there again."""
    before = signal.getsignal(signal.SIGINT)
    asyncio.get_running_loop().call_later(0.05, signal.raise_signal, signal.SIGINT)
    lines = await looked(cell("silent", "sigterm"), limit_s=60.0)
    assert lines[-1] == "a signal; next: the app gets SIGTERM, and the fault is healed"
    assert signal.getsignal(signal.SIGINT) is before


async def test_enter_ends_the_hold_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal nothing is read."""
    with _terminal(monkeypatch) as typed:
        asyncio.get_running_loop().call_later(0.05, os.write, typed, b"\n")
        lines = await looked(cell("none"), limit_s=60.0)
    assert "open until Enter, Ctrl-C" in lines[-2]
    assert lines[-1] == "Enter; next: the app is stopped"


@contextmanager
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """stdin is a terminal; yields the descriptor at which a person types."""
    person, terminal = os.openpty()
    with open(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield person
    os.close(person)


async def test_a_later_boot_at_another_port_is_printed() -> None:
    """A supervisor may start the app again meanwhile."""
    scene = Scene()

    def restart() -> None:
        scene.address = "http://127.0.0.1:50"

    asyncio.get_running_loop().call_later(0.05, restart)
    lines = await looked(cell("refused", "boot"), limit_s=0.8, scene=scene)
    assert "web was started again: http://127.0.0.1:50" in lines
