"""Two faults that act on the connects of one link at the same time."""

from __future__ import annotations

import pytest

from chaoslab import Severed, Slow
from chaoslab.errors import InjectionFailed
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare

from .rig import PATIENCE_S, comes_to, new_client_meets

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"


async def test_a_second_fault_is_refused_and_the_first_stays_in_force(
    context: Context, port: int
) -> None:
    """The heal of one would end both, and the history would say that the other is in force."""
    first = prepare(Severed(name="first", target=LINK), context)
    second = prepare(Severed(name="second", target=LINK, mode="refused"), context)
    async with injected(first, context):
        with pytest.raises(
            InjectionFailed, match=r"first still controls new connections at app\.redis"
        ):
            async with injected(second, context):
                pass
        assert await new_client_meets(port) == "dropped"
    await comes_to(port, "+PONG")
    async with injected(second, context):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"


async def test_the_heal_of_a_toxic_does_not_allow_a_second_fault_on_connects(
    context: Context, port: int
) -> None:
    """A slow fault heals while the link is severed, and a second fault is still refused."""
    first = prepare(Severed(name="first", target=LINK, mode="refused"), context)
    second = prepare(Severed(name="second", target=LINK, mode="refused"), context)
    async with injected(first, context):
        async with injected(prepare(Slow(target=LINK, latency_s=0.01), context), context):
            pass
        with pytest.raises(InjectionFailed, match="first still controls new connections"):
            async with injected(second, context):
                pass
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
