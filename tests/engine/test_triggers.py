"""Triggers: faults that the engine injects itself, at the n-th connection."""

from __future__ import annotations

import pytest

from .rig import Address, Engine, Proxy, read_exactly, silent_for


def triggers(proxy: Proxy) -> list[dict[str, object]]:
    """The proxy's triggers."""
    return list(proxy.engine.call("GET", f"/chaoslab/proxies/{proxy.name}/triggers"))


def test_the_fault_applies_to_the_connection_that_fires_it(proxy: Proxy) -> None:
    """Its connect() succeeds, but none of its bytes passes."""
    proxy.arm(1, {"proxy": proxy.name, "connect": {"mode": "dropped"}})
    assert triggers(proxy)[0]["fired_s"] is None
    with proxy.dial() as client:
        client.sendall(b"too late")
        assert silent_for(client, 0.2)
        (record,) = proxy.log()
        assert record["bytes_upstream"] == 0
        (fired,) = triggers(proxy)
        assert fired["error"] is None
        assert record["opened_s"] <= fired["fired_s"] <= record["upstream_connected_s"]
        proxy.connect("accept")
        assert read_exactly(client, 8) == b"too late"


def test_the_count_starts_when_the_trigger_is_armed(proxy: Proxy) -> None:
    """The second connection from then on fires it; the first one is not affected."""
    with proxy.dial() as before:
        before.sendall(b"a")
        assert read_exactly(before, 1) == b"a"
        proxy.arm(2, {"proxy": proxy.name, "toxic": {"type": "silence", "stream": "upstream"}})
        with proxy.dial() as first:
            first.sendall(b"b")
            assert read_exactly(first, 1) == b"b"
            with proxy.dial() as second:
                second.sendall(b"c")
                assert silent_for(second, 0.1)


def test_a_refusing_trigger_resets_the_connection_that_fires_it(proxy: Proxy) -> None:
    """With refused/reset this connection is reset before the upstream is reached."""
    proxy.arm(1, {"proxy": proxy.name, "connect": {"mode": "refused"}})

    def dial_and_read() -> None:
        with proxy.dial() as client:
            client.recv(1)

    # On a busy machine the reset may arrive before connect() returns.
    with pytest.raises(ConnectionResetError):
        dial_and_read()
    (record,) = proxy.log()
    assert (record["end"], record["upstream_connected_s"]) == ("reset_by_fault", None)


def test_one_trigger_can_sever_several_proxies(engine: Engine, echo_server: Address) -> None:
    """Actions may name other proxies."""
    one, other = engine.proxy(echo_server), engine.proxy(echo_server)
    with other.dial() as pooled:
        pooled.sendall(b"a")
        assert read_exactly(pooled, 1) == b"a"
        one.arm(1, *({"proxy": p.name, "connect": {"mode": "dropped"}} for p in (one, other)))
        with one.dial():
            pooled.sendall(b"b")
            assert silent_for(pooled, 0.1)
            assert other.show()["connect"]["mode"] == "dropped"
            other.connect("accept")
            assert read_exactly(pooled, 1) == b"b"


def test_an_action_that_fails_is_reported_and_the_others_are_run(proxy: Proxy) -> None:
    """A name that was taken meanwhile is an error of the trigger, not of the connection."""
    toxic = {"type": "latency", "name": "same", "attributes": {"latency": 1}}
    proxy.arm(
        1,
        {"proxy": proxy.name, "toxic": toxic},
        {"proxy": proxy.name, "toxic": {"type": "noop", "stream": "upstream"}},
    )
    proxy.toxic("noop", name="same")
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
    assert triggers(proxy)[0]["error"] == "toxic already exists"
    assert proxy.engine.call("GET", f"/proxies/{proxy.name}/toxics/noop_upstream")


def test_a_disarmed_trigger_does_not_fire(proxy: Proxy) -> None:
    """DELETE removes it; a second DELETE is 404."""
    proxy.arm(1, {"proxy": proxy.name, "connect": {"mode": "refused"}})
    path = f"/chaoslab/proxies/{proxy.name}/triggers/t"
    proxy.engine.call("DELETE", path, expect=204)
    proxy.engine.call("DELETE", path, expect=404)
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"at_connection": 0}, 400),
        ({"actions": []}, 400),
        ({"actions": [{"proxy": "nobody", "connect": {"mode": "dropped"}}]}, 404),
        ({"actions": [{"proxy": "{self}"}]}, 400),
        ({"actions": [{"proxy": "{self}", "connect": {"mode": "shut"}}]}, 400),
        ({"actions": [{"proxy": "{self}", "toxic": {"type": "nope"}}]}, 400),
    ],
)
def test_a_wrong_trigger_is_refused_when_it_is_armed(
    proxy: Proxy, change: dict[str, object], status: int
) -> None:
    """The error is reported at once, not when it fires."""
    action = {"proxy": "{self}", "connect": {"mode": "refused"}}
    body = {"name": "t", "at_connection": 1, "actions": [action], **change}
    for entry in body["actions"]:  # type: ignore[attr-defined]
        entry["proxy"] = entry["proxy"].replace("{self}", proxy.name)
    proxy.engine.call("POST", f"/chaoslab/proxies/{proxy.name}/triggers", body, expect=status)
    assert triggers(proxy) == []
