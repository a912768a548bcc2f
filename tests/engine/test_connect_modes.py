"""Connect modes: their effect on connect(), on established connections, and their heal."""

from __future__ import annotations

import errno
import select
import socket
import time

import pytest

from .rig import (
    SYN_RETRIES_S,
    Address,
    Engine,
    Proxy,
    read_exactly,
    silent_for,
    syns_within,
    until,
    upstream,
)


def begin_connect(address: Address) -> socket.socket:
    """A non-blocking connect() that has begun."""
    sock = socket.socket()
    sock.setblocking(False)
    assert sock.connect_ex(address) in (0, errno.EINPROGRESS)
    return sock


def outcome(sock: socket.socket, wait_s: float) -> int | None:
    """The result of the connect(): 0, an errno, or None while it is waiting."""
    if not select.select([], [sock], [], wait_s)[1]:
        return None
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def has_ipv6() -> bool:
    """Whether ::1 can be bound on this machine."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_dropped_makes_connect_wait_and_after_the_heal_it_succeeds(proxy: Proxy) -> None:
    """A connect() that began during the outage succeeds at its SYN retry and is served."""
    shown = proxy.connect("dropped")
    assert shown["connect"]["mode"] == "dropped"
    assert shown["connect"]["established"] == "hold"
    begun = time.monotonic()
    with begin_connect(proxy.address) as waiting:
        assert outcome(waiting, 0.3) is None
        proxy.connect("accept")
        healed_s = time.monotonic() - begun
        assert outcome(waiting, 10.0) == 0
        due_s = next(retry_s for retry_s in SYN_RETRIES_S if retry_s > healed_s)
        assert time.monotonic() - begun < due_s + 1.5  # for a stall; the next retry is 2 s later
        waiting.setblocking(True)
        waiting.sendall(b"after")
        assert read_exactly(waiting, 5) == b"after"


def test_dropped_syns_are_counted_and_our_own_filler_is_not(proxy: Proxy) -> None:
    """The count starts at 0, and rises by one for each SYN a client sends."""
    assert proxy.connect("dropped")["connect"]["syn_drops"] == 0
    begun = time.monotonic()
    with begin_connect(proxy.address), begin_connect(proxy.address):
        until(lambda: proxy.show()["connect"]["syn_drops"] >= 2, "two SYNs dropped")
        drops = proxy.show()["connect"]["syn_drops"]
        # Two, if no retry was due.
        assert 2 <= drops <= 2 * syns_within(time.monotonic() - begun)
    assert proxy.connect("accept")["connect"]["syn_drops"] is None
    assert proxy.show()["connections_opened"] == 0, "the filler was taken for a client"


def test_each_outage_counts_its_own_drops(proxy: Proxy) -> None:
    """Drops of an earlier outage are not evidence for this one."""
    proxy.connect("dropped")
    with begin_connect(proxy.address):
        until(lambda: proxy.show()["connect"]["syn_drops"] >= 1, "a SYN dropped")
    proxy.connect("accept")
    assert proxy.connect("dropped")["connect"]["syn_drops"] == 0


def test_bytes_that_wait_for_a_slow_reader_are_held_too(engine: Engine) -> None:
    """Bytes that have passed all toxics and wait for room in the socket are held as well."""

    def serve(sock: socket.socket) -> None:
        sock.sendall(bytes(24 << 20))

    with upstream(serve) as address:
        proxy = engine.proxy(address)
        with proxy.dial() as client:
            until(lambda: proxy.log()[0]["held_downstream"] > 0, "the reader is behind")
            proxy.connect("dropped")
            delivered = proxy.log()[0]["bytes_downstream"]
            # Bytes that the kernel already had can be read; the engine sends no more.
            assert len(read_exactly(client, delivered)) == delivered
            assert silent_for(client, 0.2)
            assert proxy.log()[0]["bytes_downstream"] == delivered
            proxy.connect("accept")
            rest = (24 << 20) - delivered
            assert len(read_exactly(client, rest + 1)) == rest


def test_established_connections_are_silent_and_lose_nothing(proxy: Proxy) -> None:
    """Under `dropped`, both directions hold bytes and the end, and the heal delivers them."""
    with proxy.dial() as client:
        client.sendall(b"before")
        assert read_exactly(client, 6) == b"before"
        proxy.connect("dropped")
        client.sendall(b"held")
        client.shutdown(socket.SHUT_WR)
        assert silent_for(client, 0.2)
        (record,) = proxy.log()
        assert record["held_upstream"] == 4
        assert record["end"] is None
        met = {(m["name"], m["stream"]): m["bytes"] for m in record["met"]}
        assert met == {("connect:dropped", "upstream"): 4, ("connect:dropped", "downstream"): 0}
        proxy.connect("accept")
        assert read_exactly(client, 5) == b"held"


def test_keep_does_not_affect_established_connections(proxy: Proxy) -> None:
    """With `established: keep` only new connects are affected."""
    with proxy.dial() as client:
        client.sendall(b"a")
        assert read_exactly(client, 1) == b"a"
        proxy.connect("dropped", "keep")
        client.sendall(b"b")
        assert read_exactly(client, 1) == b"b"
        with begin_connect(proxy.address) as waiting:
            assert outcome(waiting, 0.2) is None


@pytest.mark.parametrize("mode", ["refused", "dropped"])
def test_reset_sends_an_rst_to_idle_connections(proxy: Proxy, mode: str) -> None:
    """With `established: reset` an idle pooled connection gets ECONNRESET at once."""
    with proxy.dial() as client:
        client.sendall(b"a")
        assert read_exactly(client, 1) == b"a"
        proxy.connect(mode, "reset")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    (record,) = proxy.log()
    assert record["end"] == "reset_by_fault"
    assert {m["name"] for m in record["met"]} == {f"connect:{mode}"}


def test_refused_answers_at_once_and_no_other_process_can_bind_the_port(proxy: Proxy) -> None:
    """ECONNREFUSED without delay; binding fails with SO_REUSEADDR and without."""
    proxy.connect("refused")
    took_s = []
    for _ in range(3):
        begun = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address, timeout=5)
        took_s.append(time.monotonic() - begun)
    assert min(took_s) < 0.5  # a dropped SYN would take each of them one second
    for options in ([], [socket.SO_REUSEADDR], [socket.SO_REUSEADDR, socket.SO_REUSEPORT]):
        with socket.socket() as thief:
            for option in options:
                thief.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match="in use"):
                thief.bind(proxy.address)
    proxy.connect("accept")
    with proxy.dial() as client:
        client.sendall(b"back")
        assert read_exactly(client, 4) == b"back"


def test_the_port_is_never_free_while_the_mode_changes(proxy: Proxy) -> None:
    """All changes work while a connection is held, and no other process can bind the port."""
    with proxy.dial() as held:
        held.sendall(b"x")
        assert read_exactly(held, 1) == b"x"
        for mode in ("dropped", "refused", "dropped", "accept", "refused", "accept") * 3:
            proxy.connect(mode, "hold")
            assert proxy.show()["connect"]["mode"] == mode
            with socket.socket() as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with pytest.raises(OSError, match="in use"):
                    thief.bind(proxy.address)
        held.sendall(b"y")
        assert silent_for(held, 0.05)
        proxy.connect("accept")
        assert read_exactly(held, 1) == b"y"


def test_held_bytes_stay_held_while_the_mode_changes(proxy: Proxy) -> None:
    """From dropped/hold to refused/hold, the bytes are still held."""
    with proxy.dial() as client:
        client.sendall(b"1")
        assert read_exactly(client, 1) == b"1"
        proxy.connect("dropped", "hold")
        client.sendall(b"2")
        until(lambda: proxy.log()[0]["held_upstream"] == 1, "the byte is held")
        proxy.connect("refused", "hold")
        assert silent_for(client, 0.1)
        assert proxy.log()[0]["held_upstream"] == 1
        proxy.connect("accept")
        assert read_exactly(client, 1) == b"2"


def test_clients_in_the_accept_queue_count_as_established(
    engine: Engine, echo_server: Address
) -> None:
    """If connect() succeeded before the cut, the client is logged, held, and served at the heal."""
    proxy = engine.proxy(echo_server)
    # Many connects at once, cut meanwhile: some are accepted, some still wait.
    clients = [begin_connect(proxy.address) for _ in range(200)]
    shown = proxy.connect("dropped")
    assert shown["connections_opened"] == 200
    for client in clients:
        assert outcome(client, 5.0) == 0
        client.setblocking(True)
        client.settimeout(5)
        client.sendall(b"z")
    assert silent_for(clients[-1], 0.1)
    proxy.connect("accept")
    for client in clients:
        with client:
            assert read_exactly(client, 1) == b"z"


@pytest.mark.parametrize("listen", ["", "0.0.0.0:0", "[::1]:0", "localhost:0"])
def test_every_kind_of_listen_address_can_drop_refuse_and_heal(
    engine: Engine, echo_server: Address, listen: str
) -> None:
    """All interfaces, IPv4 only, IPv6 only, and a name: the filler reaches each of them."""
    if "::" in listen and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    proxy = engine.proxy(echo_server, listen=listen)
    host, port = proxy.address
    inside = {"[::]": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::1]": "::1"}.get(host, host)
    proxy.address = (inside, port)
    assert proxy.connect("dropped")["connect"]["syn_drops"] == 0
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        proxy.dial(timeout_s=0.2)
    most = syns_within(time.monotonic() - begun)  # one, if no retry was due
    assert 1 <= proxy.show()["connect"]["syn_drops"] <= most
    proxy.connect("refused")
    with pytest.raises(ConnectionRefusedError):
        proxy.dial()
    proxy.connect("accept")
    with proxy.dial() as client:
        client.sendall(b"ok")
        assert read_exactly(client, 2) == b"ok"
        assert proxy.log()[0]["client"].startswith(("127.0.0.1:", "[::1]:"))


def test_clients_that_connect_while_the_mode_changes_are_all_served_in_the_end(
    proxy: Proxy,
) -> None:
    """Every client that connected gets an answer after the last heal; none is lost."""
    clients: list[socket.socket] = []
    for number in range(60):
        clients += [begin_connect(proxy.address) for _ in range(5)]
        proxy.connect(("dropped", "accept")[number % 2])
    proxy.connect("accept")
    # SYNs and last ACKs dropped on the way are repeated after 1 s and 3 s.
    for client in clients:
        assert outcome(client, 8.0) == 0
        client.setblocking(True)
        client.settimeout(8)
        client.sendall(b"z")
    for client in clients:
        with client:
            assert read_exactly(client, 1) == b"z"
    assert proxy.show()["connections_opened"] == len(clients), "a filler was served as a client"


def test_reset_heals_a_connect_mode(engine: Engine, echo_server: Address) -> None:
    """POST /reset accepts clients again and disarms triggers that have not fired."""
    with_faults = engine.proxy(echo_server)
    with_faults.toxic("latency", latency=1)
    with_faults.connect("refused")
    with_faults.arm(1, {"proxy": with_faults.name, "connect": {"mode": "refused"}})
    engine.call("POST", "/reset", expect=204)
    assert with_faults.show()["connect"] == {
        "mode": "accept",
        "established": "keep",
        "at_heal": "deliver",
        "since_s": None,
        "syn_drops": None,
    }
    with with_faults.dial() as client:
        client.sendall(b"ok")
        assert read_exactly(client, 2) == b"ok"


def test_one_proxy_that_cannot_start_does_not_stop_the_reset_of_the_others(
    engine: Engine, echo_server: Address
) -> None:
    """The answer is 500, and the faults of the other proxies are healed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stuck = engine.proxy(echo_server, listen=f"127.0.0.1:{port}", enabled=False)
        faulty = engine.proxy(echo_server)
        faulty.connect("refused")
        error = engine.call("POST", "/reset", expect=500)
        assert "address already in use" in error["error"]
    assert faulty.show()["connect"]["mode"] == "accept"
    engine.call("DELETE", f"/proxies/{stuck.name}", expect=204)


def test_a_mode_set_while_disabled_is_in_force_from_the_start(
    engine: Engine, echo_server: Address
) -> None:
    """A proxy that gets its mode before it is enabled drops its very first SYN."""
    proxy = engine.proxy(echo_server)
    path = f"/proxies/{proxy.name}"
    engine.call("PATCH", path, {"enabled": False})
    proxy.connect("dropped")
    engine.call("PATCH", path, {"enabled": True})
    begun = time.monotonic()
    with begin_connect(proxy.address) as waiting:
        assert outcome(waiting, 0.2) is None
    most = syns_within(time.monotonic() - begun)  # one, if no retry was due
    assert 1 <= proxy.show()["connect"]["syn_drops"] <= most


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "mode: expected one of accept, refused, dropped; got ''"),
        ({"mode": "gone"}, "got 'gone'"),
        ({"mode": "dropped", "established": "maybe"}, "expected one of keep, hold, reset"),
        ({"mode": 3}, "mode: expected a string; got 3"),
    ],
)
def test_a_wrong_connect_mode_is_refused_with_what_was_expected(
    proxy: Proxy, body: dict[str, object], says: str
) -> None:
    """400 with the list of choices, and the mode does not change."""
    path = f"/chaoslab/proxies/{proxy.name}/connect"
    error = proxy.engine.call("PUT", path, body, expect=400)
    assert says in error["error"]
    assert proxy.show()["connect"]["mode"] == "accept"
