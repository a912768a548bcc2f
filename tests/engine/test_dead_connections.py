"""Connections that a heal leaves dead: open and silent on both sides, while new ones work."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .rig import Engine, Proxy, read_exactly, running_engine, silent_for, until, upstream
from .test_endings import reset

Heal = Callable[[], None]
MANY = 200


class Served:
    """An upstream that keeps each connection and reads nothing of it by itself."""

    def __init__(self) -> None:
        self.socks: list[socket.socket] = []
        self.over = threading.Event()

    def __call__(self, sock: socket.socket) -> None:
        self.socks.append(sock)  # before the client hears of it
        sock.sendall(sock.recv(1))
        self.over.wait()


@pytest.fixture
def served() -> Iterator[Served]:
    """The sockets of the upstream, oldest first."""
    made = Served()
    yield made
    made.over.set()


@pytest.fixture
def kept(engine: Engine, served: Served) -> Iterator[Proxy]:
    """A proxy in front of that upstream."""
    with upstream(served) as address:
        yield engine.proxy(address)


def opened(proxy: Proxy) -> socket.socket:
    """A client connection on which one byte has passed in each direction."""
    client = proxy.dial()
    client.sendall(b"x")
    assert read_exactly(client, 1) == b"x"
    return client


def by_silence(proxy: Proxy) -> Heal:
    """A silence of both directions; the result removes it."""
    names = [proxy.toxic("silence", way, at_heal="dead") for way in ("upstream", "downstream")]

    def heal() -> None:
        for name in names:
            proxy.remove(name)

    return heal


def by_connects(proxy: Proxy) -> Heal:
    """Dropped connects, and held connections; the result accepts again."""
    shown = proxy.connect("dropped", at_heal="dead")
    assert shown["connect"]["at_heal"] == "dead"
    return lambda: assert_healed(proxy.connect("accept"))


def assert_healed(shown: dict[str, object]) -> None:
    connect = shown["connect"]
    assert isinstance(connect, dict)
    assert (connect["mode"], connect["at_heal"]) == ("accept", "deliver")


@pytest.mark.parametrize("outage", [by_silence, by_connects])
def test_both_sides_stay_open_and_silent_while_a_new_connection_works(
    kept: Proxy, served: Served, outage: Callable[[Proxy], Heal]
) -> None:
    """What was sent during the outage and what is sent after it arrives nowhere: no byte, no FIN,
    no RST.
    """
    with opened(kept) as client:
        heal = outage(kept)
        client.sendall(b"during")
        served.socks[0].sendall(b"during")
        heal()
        client.sendall(b"after")
        served.socks[0].sendall(b"after")
        with opened(kept):
            assert silent_for(client, 0.3)
            assert silent_for(served.socks[0], 0.3)
        old, new = kept.log()
    assert old["opened_s"] < old["dead_s"] < new["opened_s"]
    assert (old["closed_s"], old["end"], new["dead_s"]) == (None, None, None)
    assert kept.show()["connections_dead"] == 1


def test_a_resumed_outage_still_delivers(kept: Proxy, served: Served) -> None:
    """The default of both ways: nothing is dead after it."""
    with opened(kept) as client:
        kept.connect("dropped")
        client.sendall(b"held")
        kept.connect("accept")
        assert read_exactly(served.socks[0], 4) == b"held"
    assert kept.show()["connections_dead"] == 0


def test_a_held_connection_can_be_reset_at_the_heal(kept: Proxy, served: Served) -> None:
    """With `at_heal: reset` of a connect mode, both sides get an RST."""
    with opened(kept) as client:
        kept.connect("dropped", at_heal="reset")
        assert silent_for(client, 0.1)
        kept.connect("accept")
        for side in (client, served.socks[0]):
            with pytest.raises(ConnectionResetError):
                side.recv(1)


@pytest.mark.parametrize("close", [socket.socket.close, reset])
def test_an_end_of_the_client_is_noted_and_not_passed_on(
    kept: Proxy, served: Served, close: Callable[[socket.socket], None]
) -> None:
    """The server's half stays open, as behind a path that lost the FIN or the RST."""
    client = opened(kept)
    by_silence(kept)()
    close(client)
    how = "client_closed" if close is socket.socket.close else "client_reset"
    until(lambda: kept.log()[0]["ending"] == how, "the end is noted")
    assert silent_for(served.socks[0], 0.3)
    assert kept.log()[0]["closed_s"] is None


def test_an_end_of_the_server_is_not_passed_on(kept: Proxy, served: Served) -> None:
    """The client's half stays open, also if the server has died."""
    with opened(kept) as client:
        by_silence(kept)()
        reset(served.socks[0])
        until(lambda: kept.log()[0]["ending"] == "upstream_reset", "the end is noted")
        assert silent_for(client, 0.3)


def test_a_connection_that_both_sides_have_ended_is_released(kept: Proxy, served: Served) -> None:
    """Nobody can observe it any more, so the engine frees its sockets."""
    client = opened(kept)
    before = descriptors(kept.engine)
    by_silence(kept)()
    assert descriptors(kept.engine) == before
    client.close()
    served.socks[0].close()
    until(lambda: kept.log()[0]["closed_s"] is not None, "the record is closed")
    assert kept.log()[0]["end"] in ("client_closed", "upstream_closed")
    until(lambda: descriptors(kept.engine) == before - 2, "both sockets are closed")


def descriptors(engine: Engine) -> int:
    """How many descriptors the engine has open."""
    return len(os.listdir(Path("/proc") / str(engine.process.pid) / "fd"))


def test_many_dead_connections_cost_the_live_ones_nothing(kept: Proxy, served: Served) -> None:
    """All are dead, none is ended, and new ones work; deleting the proxy closes all of them."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened(kept)) for _ in range(MANY)]
        before = descriptors(kept.engine)
        by_connects(kept)()
        assert kept.show()["connections_dead"] == MANY
        for client in clients:
            client.sendall(bytes(1000))
        with opened(kept):
            assert all(silent_for(client, 0.001) for client in clients)
        kept.engine.call("DELETE", f"/proxies/{kept.name}", expect=204)
        until(lambda: descriptors(kept.engine) <= before - 2 * MANY, "all sockets are closed")
    served.over.set()


def test_a_dead_connection_does_not_delay_the_engines_end() -> None:
    """The engine ends as always, and the kernel closes both halves."""
    with upstream(lambda sock: sock.sendall(sock.recv(1)) or threading.Event().wait(5)) as address:  # type: ignore[func-returns-value]
        with running_engine() as engine:
            proxy = engine.proxy(address)
            client = opened(proxy)
            by_silence(proxy)()
        with client, contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_later_outage_does_not_touch_what_is_dead(kept: Proxy) -> None:
    """A refusal resets the connections that work, not those that were dead before it."""
    with opened(kept) as dead:
        by_silence(kept)()
        with opened(kept) as live:
            kept.connect("refused")
            with pytest.raises(ConnectionResetError):
                live.recv(1)
            assert silent_for(dead, 0.2)


def test_a_mode_without_effect_leaves_nothing_dead(kept: Proxy, served: Served) -> None:
    """A self-test disables a fault with it."""
    with opened(kept) as client:
        kept.connect("dropped", at_heal="dead", inert=True)
        kept.connect("accept")
        client.sendall(b"goes on")
        assert read_exactly(served.socks[0], 7) == b"goes on"


def test_a_trigger_may_leave_connections_dead(kept: Proxy) -> None:
    """The engine's own start of a fault has the same heal; before it fires, nothing is dead."""
    connect = {"mode": "dropped", "established": "hold", "at_heal": "dead"}
    kept.arm(2, {"proxy": kept.name, "connect": connect})
    with opened(kept) as client, kept.dial():
        until(lambda: kept.show()["connect"]["mode"] == "dropped", "the trigger fires")
        kept.connect("accept")
        assert silent_for(client, 0.2)
    assert kept.log()[0]["dead_s"] is not None


def test_a_heal_that_is_unknown_or_holds_nothing_is_refused(kept: Proxy) -> None:
    """The error names the values; nothing changes."""
    for body, error in (
        ({"mode": "dropped", "at_heal": "gone"}, "expected one of deliver, reset, dead"),
        ({"mode": "refused", "at_heal": "dead"}, "needs established 'hold'"),
    ):
        answer = kept.engine.call("PUT", f"/chaoslab/proxies/{kept.name}/connect", body, expect=400)
        assert error in answer["error"]
    assert kept.show()["connect"]["mode"] == "accept"
