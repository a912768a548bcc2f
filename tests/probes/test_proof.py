"""The write of the lab that proves a recovery: when it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from chaoslab import Severed
from chaoslab.expectations import Recovers
from chaoslab.history.events import FaultHealed, HealthSample
from chaoslab.history.journal import Journal
from chaoslab.model.expectation import ProofWanted
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.probes.proof import prove_recovery

PLAN = Plan(faults=(Severed(target="pg", name="cut"),), limit_s=1.0)
APP = App(name="shop", command=("a",))


class _Sender:
    """Counts the proofs that it is asked for, and sends none."""

    def __init__(self) -> None:
        self.asked = 0

    async def prove(self, within_s: float) -> None:
        del within_s
        self.asked += 1


@pytest.mark.parametrize(("boot", "over_boots"), [(1, False), (1, True), (2, False), (2, True)])
async def test_a_restarted_app_is_asked_for_its_proof_if_restarts_are_accepted(
    tmp_path: Path, boot: int, over_boots: bool
) -> None:
    """Else only the process of the claim's boot is: a write through another would prove nothing."""
    journal, sender = Journal(tmp_path / "history.jsonl"), _Sender()
    journal.append(FaultHealed(at_s=1.0, fault="cut"))
    healthy = HealthState.HEALTHY
    journal.append(HealthSample(at_s=1.5, app="shop", boot=boot, took_s=0.1, state=healthy))
    await prove_recovery(
        PLAN,
        Recovers(app="shop"),
        ProofWanted(within_s=0.05, stable_s=0.05, over_boots=over_boots),
        journal,
        sender=lambda _: cast("Any", sender),
        app=APP,
        look_up=cast("Any", None),
    )
    assert sender.asked == (boot == 1 or over_boots)
