"""The adapter on real servers: every action is met by a client, and gone after its undo."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from conformance.arms import Arm
from engine.rig import Address, echo, upstream

from chaoslab.clock import now_s
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.model.actions import Action, AddToxic, ConnectPhase, Disable
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

PATIENCE_S = 5.0
SILENT_S = 0.25
LATE_S = 0.15


def patience(expected: str) -> float:
    """How long to wait for what is expected: silence is soon believed, all else may come late."""
    return SILENT_S if expected in ("silent", "dropped") else PATIENCE_S


class Client:
    """A client of the test's own on one port: what it meets is what an app would."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def meets(self, *, within_s: float = SILENT_S) -> str:
        """Connect, send four bytes, and say in one word what came of it."""
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except TimeoutError:
            return "dropped"
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "reset"
        try:
            return await exchange(reader, writer, within_s=within_s)
        finally:
            writer.transport.abort()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An established connection that has been answered once."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        assert await exchange(reader, writer, within_s=PATIENCE_S) == "answered"
        return reader, writer


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, within_s: float
) -> str:
    """Send four bytes and say in one word what came of it."""
    try:
        writer.write(b"ping")
        async with asyncio.timeout(within_s):
            return "answered" if await reader.readexactly(4) == b"ping" else "altered"
    except TimeoutError:
        return "silent"
    except asyncio.IncompleteReadError:
        return "closed"
    except OSError:
        return "reset"


def toxic(type_: str, stream: str = "downstream", **attributes: int) -> AddToxic:
    """A toxic on the proxy `db`."""
    return AddToxic(
        proxy="db",
        name=f"{type_}_{stream}",
        type=type_,
        stream=stream,  # type: ignore[arg-type]
        attributes=attributes,
    )


@pytest.fixture
async def port(control: ToxiproxyControl, echo_server: Address) -> int:
    """A proxy `db` in front of an echo, new for each test."""
    return await fresh_proxy(control, echo_server)


@pytest.fixture
async def engine_port(embedded: EmbeddedControl, echo_server: Address) -> int:
    """The same on the embedded engine alone."""
    return await fresh_proxy(embedded, echo_server)


async def fresh_proxy(control: ToxiproxyControl, address: Address, name: str = "db") -> int:
    """A new proxy of that name, in the place of an earlier test's."""
    with suppress(InjectionFailed):
        await control._call(lambda: control._proxy(name).destroy())
    return await control.create(name, f"{address[0]}:{address[1]}")


EVERYWHERE: dict[str, tuple[Action, str]] = {
    "latency": (toxic("latency", latency=4000), "silent"),
    "timeout": (toxic("timeout", timeout=0), "silent"),
    "timeout upstream": (toxic("timeout", "upstream", timeout=0), "silent"),
    "limit_data": (toxic("limit_data", bytes=2), "closed"),
    "bandwidth": (toxic("bandwidth", rate=0), "silent"),
    "slicer": (toxic("slicer", average_size=1, size_variation=0, delay=3_000_000), "silent"),
    "reset_peer": (toxic("reset_peer", timeout=0), "reset"),
    "noop": (toxic("noop"), "answered"),
    "disable": (Disable(proxy="db"), "refused"),
}
BEYOND: dict[str, tuple[Action, str]] = {
    "silence": (toxic("silence"), "silent"),
    "silence upstream": (toxic("silence", "upstream"), "silent"),
    "refused": (ConnectPhase(proxy="db", mode="refused", established="reset"), "refused"),
    "dropped": (ConnectPhase(proxy="db", mode="dropped", established="hold"), "dropped"),
}


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_an_action_is_met_and_after_its_undo_no_more(
    control: ToxiproxyControl, port: int, name: str
) -> None:
    """Apply, see, undo, see; on both servers alike."""
    action, met = EVERYWHERE[name]
    client = Client(port)
    assert await client.meets(within_s=PATIENCE_S) == "answered"
    await control.apply(action)
    assert await client.meets(within_s=patience(met)) == met
    await control.undo(action)
    assert await client.meets(within_s=PATIENCE_S) == "answered"


@pytest.mark.parametrize("name", BEYOND)
async def test_what_only_the_engine_can_is_met_and_after_its_undo_no_more(
    embedded: EmbeddedControl, engine_port: int, name: str
) -> None:
    """Connect phases, and silence that holds what it got."""
    action, met = BEYOND[name]
    client = Client(engine_port)
    await embedded.apply(action)
    assert await client.meets(within_s=patience(met)) == met
    await embedded.undo(action)
    assert await client.meets(within_s=PATIENCE_S) == "answered"


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_undoing_what_was_never_done_is_no_error(
    control: ToxiproxyControl, port: int, name: str
) -> None:
    """A heal may come before its fault was injected, or twice."""
    action = EVERYWHERE[name][0]
    await control.undo(action)
    await control.apply(action)
    await control.undo(action)
    await control.undo(action)
    assert await Client(port).meets(within_s=PATIENCE_S) == "answered"


async def test_a_latency_toxic_delays_by_what_was_asked(
    control: ToxiproxyControl, port: int
) -> None:
    """Not less, and not more than a busy machine adds."""
    await control.apply(toxic("latency", latency=round(LATE_S * 1000)))
    begun_s = now_s()
    assert await Client(port).meets(within_s=PATIENCE_S) == "answered"
    # the upper bound leaves two seconds to a machine that is shared
    assert LATE_S <= now_s() - begun_s < LATE_S + 2.0


@pytest.mark.parametrize("name", ["silence", "refused", "dropped"])
async def test_a_real_toxiproxy_says_before_the_run_what_it_cannot_make(
    toxiproxy: ToxiproxyControl, name: str
) -> None:
    """Never swapped for another fault: check() and apply() both refuse."""
    action = BEYOND[name][0]
    with pytest.raises(FaultUnsupported, match="toxiproxy has no"):
        toxiproxy.check(action)
    with pytest.raises(FaultUnsupported, match="toxiproxy has no"):
        await toxiproxy.apply(action)
    await toxiproxy.undo(action)


async def test_a_real_toxiproxy_refuses_triggers_and_tells_nothing_of_connections(
    toxiproxy: ToxiproxyControl,
) -> None:
    """No evidence is made up for a server that has none."""
    with pytest.raises(FaultUnsupported, match="cannot act at a link's connection"):
        toxiproxy.check_triggers()
    with pytest.raises(FaultUnsupported):
        await toxiproxy.arm("t", "db", 1, (toxic("latency", latency=1),))
    with pytest.raises(FaultUnsupported):
        await toxiproxy.trigger("t", "db")
    assert await toxiproxy.connections("db") == ()
    assert await toxiproxy.syn_drops("db") is None
    assert toxiproxy.capabilities == frozenset()


async def test_an_engine_on_a_platform_without_drops_says_why(embedded: EmbeddedControl) -> None:
    """The engine's own reason reaches the user."""
    embedded.capabilities -= {"connect.dropped"}
    embedded._unsupported = {"connect.dropped": "this is no Linux"}
    with pytest.raises(FaultUnsupported, match="cannot drop connects here: this is no Linux"):
        await embedded.apply(BEYOND["dropped"][0])


@pytest.mark.parametrize("name", ["slow:app.db.downstream", "why-3f--20--23-1.upstream", "..._x"])
async def test_toxics_named_by_the_lab_can_be_removed(
    control: ToxiproxyControl, port: int, name: str
) -> None:
    """The client puts names into paths as they are; both servers take these."""
    action = AddToxic(proxy="db", name=name, type="noop", stream="upstream")
    await control.apply(action)
    await control.undo(action)
    assert await control._call(lambda: control._proxy("db").toxics()) == {}


async def test_each_server_says_what_it_is(control: ToxiproxyControl) -> None:
    """Name and version stand in every report."""
    assert control.name in ("embedded", "toxiproxy")
    assert control.version
    assert not control.version.startswith("b'")


async def test_a_proxy_cannot_be_created_twice(
    control: ToxiproxyControl, port: int, echo_server: Address
) -> None:
    """Two labs never share a proxy by accident."""
    with pytest.raises(InjectionFailed, match="already exists"):
        await control.create("db", f"127.0.0.1:{echo_server[1]}")
    assert await Client(port).meets(within_s=PATIENCE_S) == "answered"


async def test_an_action_on_an_unknown_proxy_names_it(control: ToxiproxyControl) -> None:
    """Not a fault that silently is not there."""
    action = AddToxic(proxy="nowhere", name="x", type="noop", stream="upstream")
    with pytest.raises(InjectionFailed, match="no proxy nowhere"):
        await control.apply(action)


async def test_a_bad_attribute_is_refused_by_both(control: ToxiproxyControl, port: int) -> None:
    """The server's own words are kept."""
    with pytest.raises(InjectionFailed, match=r"refused: .*invalid toxic type"):
        await control.apply(AddToxic(proxy="db", name="x", type="nonsense", stream="upstream"))
    assert await Client(port).meets(within_s=PATIENCE_S) == "answered"


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
    """An idle pooled connection meets it too, and the log says that the fault ended it."""
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


async def test_a_trigger_that_could_not_act_says_so(
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


async def test_two_controls_in_one_process_keep_to_their_own_servers(
    embedded: EmbeddedControl, toxiproxy: ToxiproxyControl, echo_server: Address
) -> None:
    """The client's address is a class attribute; calls at the same time do not mix it up."""
    upstream = f"127.0.0.1:{echo_server[1]}"

    async def many(control: ToxiproxyControl, name: str) -> None:
        for n in range(15):
            await control.create(f"{name}{n}", upstream)
            await control.apply(
                AddToxic(proxy=f"{name}{n}", name="x", type="noop", stream="upstream")
            )

    await asyncio.gather(many(embedded, "ours"), many(toxiproxy, "theirs"))
    ours, theirs = [
        set(await control._call(control._server.proxies)) - {"db", "cache", "gone"}
        for control in (embedded, toxiproxy)
    ]
    assert ours == {f"ours{n}" for n in range(15)}
    assert theirs == {f"theirs{n}" for n in range(15)}


async def test_a_request_to_the_lab_itself_ignores_the_proxies_of_the_environment(
    embedded_arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control traffic stays on loopback whatever HTTP_PROXY says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    control = EmbeddedControl(embedded_arm.host, embedded_arm.port)
    await control.connect(PATIENCE_S)
    await control.close()


async def test_reset_peer_resets_a_connection_that_is_idle(
    embedded: EmbeddedControl, engine_port: int
) -> None:
    """Not only when data comes, as Toxiproxy does it: pooled connections must meet it too."""
    reader, writer = await Client(engine_port).open()
    await embedded.apply(toxic("reset_peer", timeout=0))
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_S):
            await reader.read(1)
    writer.close()


async def test_the_metrics_tell_what_came_through_one_proxy(embedded: EmbeddedControl) -> None:
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
