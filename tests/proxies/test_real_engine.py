"""The adapter on the engine: connect modes and triggers, observed by a client."""

from __future__ import annotations

import asyncio

import pytest
from engine.rig import Address, echo, upstream

from chaoslab.clock import now_s
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.model.actions import AddToxic, ConnectPhase, Disable
from chaoslab.proxies.embedded import EmbeddedControl

from .clients import BEYOND, PATIENCE_S, Client, exchange, fresh_proxy


async def test_an_engine_on_a_platform_without_drops_reports_why(embedded: EmbeddedControl) -> None:
    """The engine's own reason reaches the user."""
    embedded.capabilities -= {"connect.dropped"}
    embedded._unsupported = {"connect.dropped": "this is no Linux"}
    with pytest.raises(FaultUnsupported, match="cannot drop connects here: this is no Linux"):
        await embedded.apply(BEYOND["dropped"][0])


async def test_dropped_holds_what_is_established_and_counts_the_syns(
    embedded: EmbeddedControl, engine_port: int
) -> None:
    """Bytes sent during the outage arrive after it; connects are counted by the kernel."""
    client, action = Client(engine_port), BEYOND["dropped"][0]
    reader, writer = await client.open()
    await embedded.apply(action)
    assert await exchange(reader, writer, within_s=0.2) == "silent"
    assert await client.meets(within_s=0.2) == "dropped"
    drops = await embedded.syn_drops("db")
    assert drops is None or 1 <= drops <= 3  # None: a kernel that does not tell
    held = [c for c in await embedded.connections("db") if c.closed_s is None]
    assert [c.held_upstream for c in held] == [4]
    await embedded.undo(action)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(4) == b"ping"
    writer.close()


async def test_refused_resets_what_is_established(
    embedded: EmbeddedControl, engine_port: int
) -> None:
    """It affects an idle pooled connection too, and the log has that the fault ended it."""
    reader, writer = await Client(engine_port).open()
    await embedded.apply(BEYOND["refused"][0])
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_S):
            await reader.read(1)
    *_, record = await embedded.connections("db")  # earlier tests had a proxy of that name too
    assert record.end == "reset_by_fault"
    assert record.closed_s is not None
    assert (record.bytes_upstream, record.bytes_downstream) == (4, 4)
    assert record.client_port == writer.get_extra_info("sockname")[1]
    writer.close()


async def test_a_trigger_fires_at_the_nth_connection_and_that_one_meets_it(
    embedded: EmbeddedControl, engine_port: int
) -> None:
    """Counted from the arming; earlier connections are untouched by it."""
    client = Client(engine_port)
    assert await client.meets(within_s=PATIENCE_S) == "answered"
    await embedded.arm("t", "db", 2, (BEYOND["silence"][0],))
    assert (await embedded.trigger("t", "db")).fired_s is None
    assert await client.meets(within_s=PATIENCE_S) == "answered"
    assert (await embedded.trigger("t", "db")).fired_s is None
    before_s = now_s()
    assert await client.meets() == "silent"
    state = await embedded.trigger("t", "db")
    assert state.error is None
    assert state.fired_s is not None
    assert before_s <= state.fired_s <= now_s()
    await embedded.disarm("t", "db")
    assert await client.meets() == "silent", "what a trigger has done stays until it is undone"
    await embedded.undo(BEYOND["silence"][0])
    assert await client.meets(within_s=PATIENCE_S) == "answered"


async def test_a_trigger_acts_on_other_proxies_as_well(
    embedded: EmbeddedControl, engine_port: int, echo_server: Address
) -> None:
    """A connector's links fail together at the first connection of one of them."""
    other = Client(await fresh_proxy(embedded, echo_server, "cache"))
    cut = ConnectPhase(proxy="cache", mode="refused", established="reset")
    await embedded.arm("t", "db", 1, (BEYOND["silence"][0], cut))
    assert await other.meets(within_s=PATIENCE_S) == "answered"
    assert await Client(engine_port).meets() == "silent"
    assert await other.meets(within_s=PATIENCE_S) == "refused"
    await embedded.undo(cut)


async def test_a_disarmed_trigger_never_fires(embedded: EmbeddedControl, engine_port: int) -> None:
    """And disarming twice, or what was never armed, is no error."""
    await embedded.arm("t", "db", 1, (BEYOND["silence"][0],))
    await embedded.disarm("t", "db")
    await embedded.disarm("t", "db")
    assert await Client(engine_port).meets(within_s=PATIENCE_S) == "answered"
    with pytest.raises(InjectionFailed, match="no trigger t on db"):
        await embedded.trigger("t", "db")


async def test_a_trigger_that_could_not_act_has_an_error(
    embedded: EmbeddedControl, engine_port: int, echo_server: Address
) -> None:
    """The proxy of its second action is gone by the time that it fires."""
    await fresh_proxy(embedded, echo_server, "gone")
    lost = AddToxic(proxy="gone", name="x", type="noop", stream="upstream")
    await embedded.arm("t", "db", 1, (BEYOND["silence"][0], lost))
    await embedded._call(lambda: embedded._proxy("gone").destroy())
    assert await Client(engine_port).meets() == "silent"
    state = await embedded.trigger("t", "db")
    assert state.fired_s is not None
    assert "not found" in str(state.error)


async def test_a_trigger_cannot_disable_a_proxy(embedded: EmbeddedControl) -> None:
    """The connect phase is the engine's way; asked before anything is sent."""
    with pytest.raises(FaultUnsupported, match="use a connect phase"):
        await embedded.arm("t", "db", 1, (Disable(proxy="db"),))


async def test_the_metrics_count_the_bytes_of_one_proxy(embedded: EmbeddedControl) -> None:
    """Both directions, of this proxy alone."""
    with upstream(echo) as there:
        ports = {
            name: await embedded.create(name, f"127.0.0.1:{there[1]}") for name in ("one", "other")
        }
        for name, size in (("one", 300), ("other", 7)):
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[name])
            writer.write(b"x" * size)
            assert len(await reader.readexactly(size)) == size
            writer.close()
            await writer.wait_closed()
        end_s = now_s() + PATIENCE_S
        while await embedded.metered_bytes("one") != 600:
            assert now_s() < end_s, "a connection that has ended is not in the metrics"
            await asyncio.sleep(0.01)
