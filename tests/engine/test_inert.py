"""Inert faults: the API shows them as set, and they do not affect the traffic."""

from __future__ import annotations

from typing import Any

import pytest

from .rig import Proxy, read_exactly, silent_for

TOXICS: dict[str, dict[str, int | str]] = {
    "latency": {"latency": 60_000},
    "bandwidth": {"rate": 0},
    "slow_close": {"delay": 60_000},
    "timeout": {"timeout": 1},
    "reset_peer": {"timeout": 0},
    "slicer": {"average_size": 1, "size_variation": 0, "delay": 60_000_000},
    "limit_data": {"bytes": 1},
    "silence": {},
}


def inert(proxy: Proxy, *toxics: str) -> dict[str, Any]:
    """Make toxics of these names inert; returns the proxy as the engine shows it."""
    path = f"/chaoslab/proxies/{proxy.name}/inert"
    return dict(proxy.engine.call("PUT", path, {"toxics": list(toxics)}))


def inert_connect(proxy: Proxy, mode: str) -> dict[str, Any]:
    """Set an inert connect mode; returns the proxy as the engine shows it."""
    path = f"/chaoslab/proxies/{proxy.name}/connect"
    return dict(proxy.engine.call("PUT", path, {"mode": mode, "inert": True}))


def assert_passes(proxy: Proxy) -> None:
    """A new client gets its answer, and its end is passed on."""
    with proxy.dial() as client:
        client.sendall(b"0123456789")
        assert read_exactly(client, 10) == b"0123456789"
        client.shutdown(1)
        assert client.recv(1) == b""


def test_nothing_is_inert_by_default(proxy: Proxy) -> None:
    """A new proxy shows that nothing is inert."""
    assert proxy.show()["inert"] == {"connect": False, "toxics": []}
    proxy.toxic("silence", name="real")
    with proxy.dial() as client:
        client.sendall(b"x")
        assert silent_for(client, 0.1)


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
@pytest.mark.parametrize("type_", TOXICS)
def test_an_inert_toxic_is_shown_and_applies_to_no_connection(
    proxy: Proxy, type_: str, stream: str
) -> None:
    """On an open connection, on a new one, and in the log."""
    inert(proxy, "shown")
    with proxy.dial() as pooled:
        pooled.sendall(b"a")
        assert read_exactly(pooled, 1) == b"a"
        proxy.toxic(type_, stream, name="shown", **TOXICS[type_])
        pooled.sendall(b"b")
        assert read_exactly(pooled, 1) == b"b"
        assert_passes(proxy)
        shown = proxy.engine.call("GET", f"/proxies/{proxy.name}/toxics/shown")
        (listed,) = proxy.engine.call("GET", "/proxies")[proxy.name]["toxics"]
        assert shown == listed
        assert (shown["type"], shown["stream"]) == (type_, stream)
        assert shown["attributes"].items() >= TOXICS[type_].items()
        assert [record["met"] for record in proxy.log()] == [[], []]


@pytest.mark.parametrize("mode", ["refused", "dropped"])
def test_an_inert_connect_mode_is_shown_and_has_no_effect(proxy: Proxy, mode: str) -> None:
    """Clients connect and established connections go on, while the API shows the mode."""
    with proxy.dial() as pooled:
        pooled.sendall(b"a")
        assert read_exactly(pooled, 1) == b"a"
        usual = {"refused": "reset", "dropped": "hold"}[mode]
        for shown in (inert_connect(proxy, mode), proxy.show()):
            assert (shown["connect"]["mode"], shown["connect"]["established"]) == (mode, usual)
            assert shown["connect"]["since_s"] is not None
            assert shown["inert"]["connect"]
        pooled.sendall(b"b")
        assert read_exactly(pooled, 1) == b"b"
        assert_passes(proxy)
        assert [record["met"] for record in proxy.log()] == [[], []]
    assert proxy.show()["connect"]["syn_drops"] is None, (
        "nothing was dropped, so nothing is counted"
    )
    assert not proxy.connect("accept")["inert"]["connect"]


def test_an_inert_mode_after_a_real_one_delivers_the_held_bytes(proxy: Proxy) -> None:
    """The new mode has no effect, so the bytes held by the old one are delivered."""
    with proxy.dial() as client:
        proxy.connect("dropped")
        client.sendall(b"held")
        assert silent_for(client, 0.1)
        inert_connect(proxy, "refused")
        assert read_exactly(client, 4) == b"held"
    assert_passes(proxy)


def test_an_inert_mode_stays_after_a_restart_of_the_proxy(proxy: Proxy) -> None:
    """Disabled and enabled again, the port accepts, though the proxy shows `refused`."""
    inert_connect(proxy, "refused")
    for enabled in (False, True):
        proxy.engine.call("POST", f"/proxies/{proxy.name}", {"enabled": enabled})
    assert proxy.show()["connect"]["mode"] == "refused"
    assert_passes(proxy)


def test_an_inert_trigger_fires_without_effect(proxy: Proxy) -> None:
    """It shows when it fired, and no error."""
    inert(proxy, "armed")
    proxy.arm(
        1,
        {"proxy": proxy.name, "toxic": {"type": "silence", "name": "armed"}},
        {"proxy": proxy.name, "connect": {"mode": "dropped", "inert": True}},
    )
    assert_passes(proxy)
    (trigger,) = proxy.engine.call("GET", f"/chaoslab/proxies/{proxy.name}/triggers")
    assert trigger["fired_s"] is not None
    assert trigger["error"] is None
    assert proxy.show()["connect"]["mode"] == "dropped"
    assert_passes(proxy)


def test_the_other_toxics_of_the_proxy_still_act(proxy: Proxy) -> None:
    """Only the named toxics are inert."""
    inert(proxy, "shown")
    proxy.toxic("timeout", name="shown", timeout=1)
    proxy.toxic("silence", name="real")
    with proxy.dial() as client:
        client.sendall(b"x")
        assert silent_for(client, 0.1)
        proxy.remove("real")
        assert read_exactly(client, 1) == b"x"


def test_a_toxic_acts_again_when_it_is_not_inert_any_more(proxy: Proxy) -> None:
    """The new list of names replaces the old one."""
    inert(proxy, "shown")
    proxy.toxic("silence", name="shown")
    with proxy.dial() as client:
        client.sendall(b"a")
        assert read_exactly(client, 1) == b"a"
        assert inert(proxy)["inert"]["toxics"] == []
        client.sendall(b"b")
        assert silent_for(client, 0.1)


def test_a_reset_leaves_nothing_inert(proxy: Proxy) -> None:
    """After `POST /reset` a toxic with the same name acts."""
    inert(proxy, "shown")
    inert_connect(proxy, "refused")
    proxy.engine.call("POST", "/reset", expect=204)
    assert proxy.show()["inert"] == {"connect": False, "toxics": []}
    proxy.toxic("silence", name="shown")
    with proxy.dial() as client:
        client.sendall(b"x")
        assert silent_for(client, 0.1)


@pytest.mark.parametrize("body", [{}, {"toxics": "all"}, {"toxics": [1]}, []])
def test_a_wrong_list_is_refused(proxy: Proxy, body: object) -> None:
    """The old list stays in force."""
    inert(proxy, "shown")
    proxy.engine.call("PUT", f"/chaoslab/proxies/{proxy.name}/inert", body, expect=400)
    proxy.engine.call(
        "PUT",
        f"/chaoslab/proxies/{proxy.name}/connect",
        {"mode": "refused", "inert": "yes"},
        expect=400,
    )
    assert proxy.show()["inert"] == {"connect": False, "toxics": ["shown"]}
    assert proxy.show()["connect"]["mode"] == "accept"
