"""The kernel's counters of a fault's links are read once it is in force, and before its heal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rigs.problems import problem

from chaoslab import Severed
from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import InjectionFailed
from chaoslab.history.events import LinkPackets, ProbeCrashed
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.proxies.base import ProxyControl

from .rig import PATIENCE_S, Written, new_client_meets

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUT = Severed(target="vpc", mode="refused")


class Counting:
    """A real control with packet counters, which fail from the `fails_at`-th reading on."""

    def __init__(self, control: ProxyControl, fails_at: int = 99) -> None:
        self._control, self._fails_at = control, fails_at
        self.read: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._control, name)

    async def packets(self, proxy: str) -> Counters:
        """Higher at each reading, and different for each link."""
        self.read.append(proxy)
        if len(self.read) >= self._fails_at:
            raise InjectionFailed(problem("the agent is gone"))
        return Counters(
            syns=len(self.read), syns_dropped=1, packets_dropped=2, bytes_up=3, bytes_down=4,
            resets=len(proxy),
        )  # fmt: skip


def counted_by(context: Context, fails_at: int = 99) -> Context:
    """The same context with packet counters."""
    control = Counting(context.control, fails_at)
    return replace(context, control=control)  # type: ignore[arg-type]


async def test_each_link_is_read_once_in_force_and_once_before_the_heal(context: Context) -> None:
    """The history has every counter, with the link and the fault."""
    counting = counted_by(context)
    async with injected(prepare(CUT, counting), counting):
        pass
    kinds = [event.kind for event in context.journal.history.events]
    assert kinds.count("link_packets") == 4
    first = kinds.index("link_packets")
    assert first < kinds.index("fault_in_force"), "read before it counts as in force"
    last = len(kinds) - 1 - kinds[::-1].index("link_packets")
    assert last < kinds.index("fault_healing"), "the counters would include the heal itself"
    read = list(context.journal.history.of(LinkPackets))
    assert [event.link for event in read] == [link.name for link in prepare(CUT, context).links] * 2
    assert [event.syns for event in read] == [1, 2, 3, 4]
    one = read[0]
    assert (one.fault, one.syns_dropped, one.packets_dropped) == (CUT.label, 1, 2)
    assert (one.bytes_up, one.bytes_down, one.resets) == (3, 4, len(one.link))


async def test_without_counters_nothing_is_recorded(context: Context) -> None:
    """The embedded engine has its own records."""
    async with injected(prepare(CUT, context), context):
        pass
    assert not list(context.journal.history.of(LinkPackets))
    Written(context.journal.history, CUT.label).assert_complete()


async def test_a_fault_whose_counters_cannot_be_read_is_missed_and_healed(
    context: Context, port: int
) -> None:
    """Later readings could not be compared with the first."""
    counting = counted_by(context, fails_at=1)
    async with injected(prepare(CUT, counting), counting):
        pass
    written = Written(context.journal.history, CUT.label)
    assert written.why_missed == "the agent is gone"
    assert "healed" in written.kinds
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"


async def test_counters_that_fail_before_the_heal_do_not_prevent_it(
    context: Context, port: int
) -> None:
    """They are recorded as a crashed probe, so the verdict is UNKNOWN."""
    counting = counted_by(context, fails_at=3)
    async with injected(prepare(CUT, counting), counting):
        pass
    Written(context.journal.history, CUT.label).assert_complete()
    crashed = context.journal.history.first(ProbeCrashed)
    assert crashed is not None
    assert "the agent is gone" in crashed.error
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
