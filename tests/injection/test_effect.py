"""The first effect of a fault counts from its request: a service may need long to stop."""

from __future__ import annotations

import asyncio

import pytest

from chaoslab import Stopped
from chaoslab.history.events import Exited, FaultEffect, FaultInForce, FaultRequested
from chaoslab.injection.context import Context
from chaoslab.injection.effect import watch_effect
from chaoslab.injection.prepare import prepare

from .rig import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOP = Stopped(target="redis")


@pytest.mark.parametrize("at_s", [0.3, 0.6])
async def test_an_exit_since_the_request_is_an_effect(context: Context, at_s: float) -> None:
    """The stop is requested at 0.2, and over at 0.5."""
    label, journal = STOP.label, context.journal
    journal.append(FaultRequested(at_s=0.2, fault=label, links=("app.redis",)))
    gone = Exited(at_s=at_s, app="app", boot=1, exit_code=1, asked=False, log_tail=())
    journal.append(gone)
    journal.append(FaultInForce(at_s=0.6, fault=label, since_s=0.5, seen="canary"))
    async with asyncio.timeout(PATIENCE_S):
        await watch_effect(prepare(STOP, context), context)
    (effect,) = journal.history.of(FaultEffect)
    assert (effect.app, effect.what.code) == ("app", "app.exited")
