"""The adapter on real servers: a client observes every action, and none after its undo."""

from __future__ import annotations

import asyncio

import pytest
from conformance.arms import Arm
from engine.rig import Address

from chaoslab.clock import now_s
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.model.actions import AddToxic
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

from .clients import BEYOND, EVERYWHERE, LATE_S, PATIENCE_S, Client, patience, toxic


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_an_action_affects_clients_until_it_is_undone(
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
async def test_what_only_the_engine_can_do_affects_clients_until_it_is_undone(
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
async def test_a_real_toxiproxy_refuses_before_the_run_what_it_cannot_do(
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


@pytest.mark.parametrize("name", ["slow:app.db.downstream", "why-3f--20--23-1.upstream", "..._x"])
async def test_toxics_named_by_the_lab_can_be_removed(
    control: ToxiproxyControl, port: int, name: str
) -> None:
    """The client puts names into paths as they are; both servers take these."""
    action = AddToxic(proxy="db", name=name, type="noop", stream="upstream")
    await control.apply(action)
    await control.undo(action)
    assert await control._call(lambda: control._proxy("db").toxics()) == {}


async def test_each_server_reports_its_name_and_version(control: ToxiproxyControl) -> None:
    """Every report has name and version."""
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
    """The server's answer is quoted."""
    with pytest.raises(InjectionFailed, match=r"refused: .*invalid toxic type"):
        await control.apply(AddToxic(proxy="db", name="x", type="nonsense", stream="upstream"))
    assert await Client(port).meets(within_s=PATIENCE_S) == "answered"


MADE = ("ours", "theirs")


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
        {name for name in await control._call(control._server.proxies) if name.startswith(MADE)}
        for control in (embedded, toxiproxy)
    ]
    assert ours == {f"ours{n}" for n in range(15)}
    assert theirs == {f"theirs{n}" for n in range(15)}


async def test_a_request_to_the_lab_itself_ignores_the_proxies_of_the_environment(
    embedded_arm: Arm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control traffic stays on loopback whatever HTTP_PROXY is."""
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
