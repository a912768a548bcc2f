"""A Toxiproxy with packet rules beside it: what it asks of either, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from conformance.arms import Arm
from engine.rig import Address

from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import FaultUnsupported, InjectionFailed
from chaoslab.model.actions import AddToxic, ConnectMode, ConnectPhase, Disable, Established
from chaoslab.proxies.filtered import FilteredEmbeddedControl, FilteredToxiproxyControl

from .misbehaving import PROXY, Misbehaving, misbehaving

DROPPED = ConnectPhase(proxy="db", mode="dropped", established="hold")


class Rules:
    """A packet filter that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.counted = Counters(syns=3, syns_dropped=2)

    async def guard(self, port: int) -> None:
        self.asked.append(("guard", port))

    async def drop(self, port: int) -> None:
        self.asked.append(("drop", port))

    async def let_pass(self, port: int) -> None:
        self.asked.append(("pass", port))

    async def counters(self, port: int) -> Counters:
        self.asked.append(("counters", port))
        return self.counted

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
