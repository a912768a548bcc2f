"""A Toxiproxy with packet rules beside it: what it asks of either, and what it refuses."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Collection
from dataclasses import replace

import pytest
from conformance.arms import Arm
from engine.rig import Address

from chaoslab.agent.iptables_rules import Counters
from chaoslab.agent.packet_rules import TOOL_FAILED
from chaoslab.errors import FaultUnsupported, InjectionFailed, Problem
from chaoslab.model.actions import (
    AddToxic,
    AtHeal,
    ConnectMode,
    ConnectPhase,
    Disable,
    Established,
)
from chaoslab.proxies.filtered import FilteredEmbeddedControl, FilteredToxiproxyControl

from .misbehaving import PROXY, Misbehaving, misbehaving

DROPPED = ConnectPhase(proxy="db", mode="dropped", established="hold")


class Rules:
    """A packet filter that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.counted = Counters(syns=3, syns_dropped=2)
        self.dead: set[int] = set()
        self.why_none_dead = ""

    async def guard(self, port: int) -> None:
        self.asked.append(("guard", port))

    async def drop(self, port: int) -> None:
        self.asked.append(("drop", port))

    async def let_pass(self, port: int) -> None:
        self.asked.append(("pass", port))

    async def counters(self, port: int) -> Counters:
        self.asked.append(("counters", port))
        return self.counted

    async def check_dead(self) -> None:
        if self.why_none_dead:
            raise InjectionFailed(
                Problem(reason=TOOL_FAILED(program="x", cause=self.why_none_dead))
            )

    async def leave_dead(self, port: int, clients: Collection[int]) -> None:
        self.asked.append(("leave_dead", port))
        self.dead = set(clients)

    async def unguard(self, port: int) -> None:
        self.asked.append(("unguard", port))


@pytest.fixture
def rules() -> Rules:
    """The packet filter of the test."""
    return Rules()


@pytest.fixture
async def filtered(embedded_arm: Arm, rules: Rules) -> AsyncIterator[FilteredToxiproxyControl]:
    """On our own engine, which speaks the same API and is there on every machine."""
    control = FilteredToxiproxyControl(
        embedded_arm.host, embedded_arm.port, packets=rules, prefix="lab_1."
    )
    await control.connect(5.0)
    yield control
    await control.close()


@pytest.fixture
async def port(filtered: FilteredToxiproxyControl, echo_server: Address) -> int:
    """The port of a proxy of the name `db`."""
    return await filtered.create("db", f"127.0.0.1:{echo_server[1]}")


async def test_a_proxy_is_counted_from_its_creation_until_it_is_deleted(
    filtered: FilteredToxiproxyControl, rules: Rules, port: int
) -> None:
    """So that what a boot sends before any fault is known too."""
    assert rules.asked == [("guard", port)]
    await filtered.delete("db")
    assert rules.asked[1:] == [("unguard", port)]
    await filtered.delete("db")  # what is not there is no error
    assert len(rules.asked) == 2


async def test_closing_deletes_its_own_proxies_and_rules_and_no_others(
    embedded_arm: Arm, filtered: FilteredToxiproxyControl, rules: Rules, port: int
) -> None:
    """Names carry the lab's own prefix, on a server that others share."""
    other = FilteredToxiproxyControl(
        embedded_arm.host, embedded_arm.port, packets=rules, prefix="lab_2."
    )
    theirs = await other.create("db", "127.0.0.1:1")
    await filtered.close()
    assert rules.asked[-1] == ("unguard", port)
    await other.apply(Disable(proxy="db"))  # still there, and its own
    await other.close()
    assert rules.asked[-1] == ("unguard", theirs)


async def test_dropped_connects_are_the_rules_work_and_their_heal_too(
    filtered: FilteredToxiproxyControl, rules: Rules, port: int
) -> None:
    """The server itself is asked for nothing: it would have accepted."""
    await filtered.apply(DROPPED)
    await filtered.undo(DROPPED)
    assert rules.asked[1:] == [("drop", port), ("pass", port)]


@pytest.mark.parametrize(
    ("mode", "established"),
    [("dropped", "keep"), ("dropped", "reset"), ("refused", "hold"), ("refused", "reset")],
)
async def test_what_a_drop_rule_cannot_do_is_refused_before_anything_happens(
    filtered: FilteredToxiproxyControl,
    rules: Rules,
    port: int,
    mode: ConnectMode,
    established: Established,
) -> None:
    """A rule drops everything at its port, established connections included."""
    action = ConnectPhase(proxy="db", mode=mode, established=established)
    with pytest.raises(FaultUnsupported, match=f"not {mode} connects and {established}"):
        await filtered.apply(action)
    assert rules.asked == [("guard", port)]


async def test_bytes_cannot_be_held_and_triggers_cannot_be_armed(
    filtered: FilteredToxiproxyControl, port: int
) -> None:
    """As with any Toxiproxy; its own toxics go to the server."""
    silence = AddToxic(proxy="db", name="x", type="silence", stream="upstream")
    with pytest.raises(FaultUnsupported, match="silence"):
        await filtered.apply(silence)
    with pytest.raises(FaultUnsupported, match="connection"):
        filtered.check_triggers()
    assert filtered.capabilities == {"connect.dropped", "packets"}


@pytest.mark.parametrize("at_heal", ["reset", "dead"])
async def test_a_toxiproxy_cannot_choose_how_an_outage_ends(
    filtered: FilteredToxiproxyControl, port: int, at_heal: AtHeal
) -> None:
    """Neither for dropped connects nor for silence; the reason is in the error."""
    silence = AddToxic(proxy="db", name="x", type="silence", stream="upstream", at_heal=at_heal)
    for action in (replace(DROPPED, at_heal=at_heal), silence):
        with pytest.raises(FaultUnsupported, match=f"at_heal='{at_heal}'"):
            filtered.check(action)


@pytest.fixture
async def ours(embedded_arm: Arm, rules: Rules) -> AsyncIterator[FilteredEmbeddedControl]:
    """The control of our own engine, with the same packet filter."""
    control = FilteredEmbeddedControl(embedded_arm.host, embedded_arm.port, packets=rules)
    await control.connect(5.0)
    yield control
    await control.delete("db")
    await control.close()


async def test_dead_connections_are_dropped_by_their_ports_before_anything_passes(
    ours: FilteredEmbeddedControl, rules: Rules, echo_server: Address
) -> None:
    """Those that were open at the heal, and no others."""
    port = await ours.create("db", f"127.0.0.1:{echo_server[1]}")
    dead = replace(DROPPED, at_heal="dead")
    with socket.create_connection(("127.0.0.1", port)) as old:
        old.sendall(b"x")
        assert old.recv(1) == b"x"
        await ours.apply(dead)
        await ours.undo(dead)
        assert rules.asked[1:] == [("drop", port), ("leave_dead", port), ("pass", port)]
        assert rules.dead == {old.getsockname()[1]}


async def test_a_reset_at_the_heal_comes_after_the_packets_pass_again(
    ours: FilteredEmbeddedControl, rules: Rules, echo_server: Address
) -> None:
    """Else the RST would be dropped too."""
    port = await ours.create("db", f"127.0.0.1:{echo_server[1]}")
    resets = replace(DROPPED, at_heal="reset")
    with socket.create_connection(("127.0.0.1", port)) as old:
        old.sendall(b"x")
        assert old.recv(1) == b"x"
        await ours.apply(resets)
        await ours.undo(resets)
        assert rules.asked[1:] == [("drop", port), ("pass", port)]
        with pytest.raises(ConnectionResetError):
            old.recv(1)


async def test_a_kernel_that_cannot_drop_single_connections_is_reported(
    ours: FilteredEmbeddedControl, rules: Rules, echo_server: Address
) -> None:
    """Before anything is in force, with the reason; other heals need nothing of it."""
    await ours.create("db", f"127.0.0.1:{echo_server[1]}")
    rules.why_none_dead = "no match connmark"
    with pytest.raises(FaultUnsupported, match="no match connmark"):
        await ours.apply(replace(DROPPED, at_heal="dead"))
    assert [asked for asked, _ in rules.asked] == ["guard"]
    await ours.apply(DROPPED)
    await ours.undo(DROPPED)


async def test_the_counters_are_the_ports_own(
    filtered: FilteredToxiproxyControl, rules: Rules, port: int
) -> None:
    """Evidence comes from the kernel, by port."""
    assert await filtered.packets("db") == rules.counted
    assert rules.asked[-1] == ("counters", port)


async def test_a_proxy_that_was_not_made_here_has_no_counters(
    filtered: FilteredToxiproxyControl,
) -> None:
    """A mistake of the lab itself, with the proxy's name."""
    with pytest.raises(InjectionFailed, match="has no proxy nobody"):
        await filtered.packets("nobody")


async def test_closing_after_the_server_died_is_no_error(rules: Rules) -> None:
    """Its proxies died with it; what that means for the run, the run has found out itself."""
    with misbehaving() as server:
        server.answers["POST", "/proxies"] = (201, {**PROXY, "name": "lab_1.db"})
        control = FilteredToxiproxyControl("127.0.0.1", server.port, packets=rules, prefix="lab_1.")
        await control.create("db", "127.0.0.1:1")
    await control.close()


async def test_closing_reports_what_a_running_server_did_not_delete(
    broken: Misbehaving, rules: Rules
) -> None:
    """Something would be left behind."""
    made = {**PROXY, "name": "lab_1.db"}
    broken.answers["POST", "/proxies"] = (201, made)
    control = FilteredToxiproxyControl("127.0.0.1", broken.port, packets=rules, prefix="lab_1.")
    await control.create("db", "127.0.0.1:1")
    broken.answers["GET", "/proxies"] = (200, {"lab_1.db": made})
    broken.answers["GET", "/proxies/lab_1.db"] = (200, made)
    broken.answers["DELETE", "/proxies/lab_1.db"] = (204, "")
    with pytest.raises(InjectionFailed, match="still there"):
        await control.close()


@pytest.mark.parametrize("shared", [True, False])
async def test_an_engines_rules_are_removed_where_its_namespace_outlives_it(
    embedded_arm: Arm, rules: Rules, shared: bool
) -> None:
    """Another engine may listen on that port later, and must not find them."""
    control = FilteredEmbeddedControl(
        embedded_arm.host, embedded_arm.port, packets=rules, shared_rules=shared
    )
    await control.connect(5.0)
    port = await control.create(f"kept {shared}", "127.0.0.1:1")
    await control.close()
    assert rules.asked == [("guard", port), *([("unguard", port)] if shared else [])]
