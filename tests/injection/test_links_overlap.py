"""Two faults that want the connect phase of one proxy at a time."""

from __future__ import annotations

import pytest

from chaoslab import Severed, Slow
from chaoslab.errors import InjectionFailed
from chaoslab.injection.ground import Ground
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare

from .rig import PATIENCE_S, comes_to, new_client_meets

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"


async def test_a_second_fault_is_refused_and_the_first_holds_on(ground: Ground, port: int) -> None:
    """The heal of one would end both, while the other is still said to be in force."""
    first = prepare(Severed(name="first", target=LINK), ground)
    second = prepare(Severed(name="second", target=LINK, mode="refused"), ground)
    async with injected(first, ground):
        with pytest.raises(InjectionFailed, match=r"first still acts on connects at app\.redis"):
            async with injected(second, ground):
                pass
        assert await new_client_meets(port) == "dropped"
    await comes_to(port, "+PONG")
    async with injected(second, ground):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"


async def test_the_heal_of_a_toxic_gives_up_no_claim_on_the_connects(
    ground: Ground, port: int
) -> None:
    """A slow link may heal while it is severed; a second fault is refused all the same."""
    first = prepare(Severed(name="first", target=LINK, mode="refused"), ground)
    second = prepare(Severed(name="second", target=LINK, mode="refused"), ground)
    async with injected(first, ground):
        async with injected(prepare(Slow(target=LINK, latency_s=0.01), ground), ground):
            pass
        with pytest.raises(InjectionFailed, match="first still acts on connects"):
            async with injected(second, ground):
                pass
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
