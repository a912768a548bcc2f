"""A proxy at both loopbacks: a client at ::1 gets the same as at 127.0.0.1."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from chaoslab.proxies.embedded import command

from .rig import Address, Engine, Proxy, running_engine, syns_within

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
HOSTS = ["127.0.0.1", "::1"]


@pytest.fixture(scope="module")
def both() -> Iterator[Engine]:
    """An engine as labs start it."""
    with running_engine("--both-loopbacks") as running:
        yield running


@pytest.fixture
def proxy(both: Engine, echo_server: Address) -> Iterator[Proxy]:
    made = both.proxy(echo_server)
    yield made
    both.call("DELETE", f"/proxies/{made.name}", expect=204)


def echoed(host: str, proxy: Proxy) -> bytes:
    with socket.create_connection((host, proxy.address[1]), 5.0) as client:
        client.sendall(b"hello")
        return client.recv(5)


def test_a_lab_starts_its_engine_with_both() -> None:
    """Apps get the address 127.0.0.1, and some use `localhost`."""
    assert "--both-loopbacks" in command(8474, seed=1, last_messages="{}")


def test_a_proxy_serves_on_both_and_shows_the_address_it_was_given(proxy: Proxy) -> None:
    """Both clients are in the log, each with its own address."""
    assert [echoed(host, proxy) for host in HOSTS] == [b"hello"] * 2
    assert proxy.address[0] == "127.0.0.1"
    answer = proxy.engine.call("GET", f"/chaoslab/connections?proxy={proxy.name}")
    clients = {row["client"].rpartition(":")[0] for row in answer["connections"]}
    assert clients == {"127.0.0.1", "[::1]"}


@pytest.mark.parametrize("host", HOSTS)
def test_a_refusal_and_its_heal_apply_to_both(proxy: Proxy, host: str) -> None:
    """A client cannot avoid the fault by the other address family."""
    proxy.connect("refused")
    with pytest.raises(ConnectionRefusedError):
        echoed(host, proxy)
    proxy.connect("accept")
    assert echoed(host, proxy) == b"hello"


@pytest.mark.parametrize("host", HOSTS)
def test_connects_are_dropped_on_both_and_counted(proxy: Proxy, host: str) -> None:
    """The proxy shows the sum."""
    proxy.connect("dropped")
    assert proxy.show()["connect"]["syn_drops"] == 0
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        socket.create_connection((host, proxy.address[1]), 0.2)
    drops = proxy.show()["connect"]["syn_drops"]
    assert 1 <= drops <= syns_within(time.monotonic() - begun)
    proxy.connect("accept")
    assert echoed(host, proxy) == b"hello"


def test_without_the_port_at_the_second_address_the_first_is_enough(
    both: Engine, echo_server: Address
) -> None:
    """The other program's listener is not affected."""
    with closing(socket.create_server(("::1", 0), family=socket.AF_INET6)) as stranger:
        port = stranger.getsockname()[1]
        proxy = both.proxy(echo_server, listen=f"127.0.0.1:{port}")
        assert echoed("127.0.0.1", proxy) == b"hello"
        both.call("DELETE", f"/proxies/{proxy.name}", expect=204)


def test_the_port_is_free_on_both_after_the_proxy_is_deleted(
    both: Engine, echo_server: Address
) -> None:
    """Both sockets are closed."""
    proxy = both.proxy(echo_server)
    both.call("DELETE", f"/proxies/{proxy.name}", expect=204)
    for host in HOSTS:
        with pytest.raises(ConnectionRefusedError):
            echoed(host, proxy)


def test_without_the_option_a_proxy_only_has_its_own_address(
    engine: Engine, echo_server: Address
) -> None:
    """As with Toxiproxy."""
    proxy = engine.proxy(echo_server)
    assert echoed("127.0.0.1", proxy) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        echoed("::1", proxy)
    engine.call("DELETE", f"/proxies/{proxy.name}", expect=204)
