"""The unmodified toxiproxy-python client, with all its methods, on both servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from chaoslab.clock import now_s

from .api import Api
from .arms import Arm
from .wire import EOF, RESET, Service, connect


@pytest.fixture
def client(arm: Arm, api: Api) -> Iterator[Toxiproxy]:
    """The client, connected to the server; its address is a class attribute, so it is reset."""
    before = (APIConsumer.host, APIConsumer.port)
    toxiproxy = Toxiproxy()
    toxiproxy.update_api_consumer(arm.host, arm.port)
    yield toxiproxy
    toxiproxy.update_api_consumer(*before)


def test_it_runs_and_has_a_version(client: Toxiproxy) -> None:
    """running() and version()."""
    assert client.running() is True
    assert b"version" in client.version()


def test_a_proxy_is_created_and_destroyed(client: Toxiproxy, service: Service) -> None:
    """create, proxies, get_proxy, destroy."""
    proxy = client.create(upstream=service.address, name="db", listen="127.0.0.1:0")
    assert (proxy.name, proxy.enabled, proxy.upstream) == ("db", True, service.address)
    pair = service.pair(proxy.listen)
    pair.client.send(b"x")
    assert pair.upstream.read_exactly(1).data == b"x"
    assert set(client.proxies()) == {"db"}
    assert client.get_proxy("db").listen == proxy.listen
    assert client.destroy(proxy) is True
    assert client.get_proxy("db") is None


def test_a_taken_name_raises(client: Toxiproxy) -> None:
    """ProxyExists, by the client's own check and for the server's 409."""
    client.create(upstream="x", name="db")
    with pytest.raises(ProxyExists):
        client.create(upstream="x", name="db")
    with pytest.raises(ProxyExists):
        APIConsumer.post("/proxies", json={"name": "db", "upstream": "x"})


def test_populate_makes_what_is_missing_and_replaces_what_differs(client: Toxiproxy) -> None:
    """It only returns the proxies that it made."""
    one = {"name": "one", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"}
    two = {**one, "name": "two"}
    made = client.populate([one, two])
    assert [proxy.name for proxy in made] == ["one", "two"]
    same = {**one, "listen": made[0].listen}
    other = {**two, "listen": made[1].listen, "upstream": "127.0.0.1:2"}
    assert [proxy.name for proxy in client.populate([same, other])] == ["two"]
    assert client.get_proxy("two").upstream == "127.0.0.1:2"


def test_a_toxic_acts_and_is_removed(client: Toxiproxy, service: Service) -> None:
    """add_toxic, toxics, get_toxic, destroy_toxic."""
    proxy = client.create(upstream=service.address, name="db", listen="127.0.0.1:0")
    proxy.add_toxic(type="latency", attributes={"latency": 100, "jitter": 0})
    toxic = proxy.get_toxic("latency_downstream")
    assert (toxic.type, toxic.stream, toxic.toxicity) == ("latency", "downstream", 1)
    assert toxic.attributes == {"latency": 100, "jitter": 0}
    pair = service.pair(proxy.listen)
    start_s = now_s()
    pair.upstream.send(b"x")
    assert pair.client.read_exactly(1).data == b"x"
    assert now_s() - start_s >= 0.099
    assert proxy.destroy_toxic("latency_downstream") is True
    assert proxy.toxics() == {}


def test_a_toxic_takes_a_name_a_stream_and_a_toxicity(client: Toxiproxy) -> None:
    """All arguments of the client are shown again."""
    proxy = client.create(upstream="x", name="db")
    proxy.add_toxic(type="timeout", name="cut", stream="upstream", toxicity=0.5,
                    attributes={"timeout": 7})  # fmt: skip
    toxic = proxy.toxics()["cut"]
    assert (toxic.type, toxic.stream, toxic.toxicity) == ("timeout", "upstream", 0.5)
    assert toxic.attributes == {"timeout": 7}


def test_mistakes_raise(client: Toxiproxy) -> None:
    """400 is InvalidToxic, 404 NotFound."""
    proxy = client.create(upstream="x", name="db")
    with pytest.raises(InvalidToxic, match="invalid toxic type"):
        proxy.add_toxic(type="nope")
    with pytest.raises(InvalidToxic, match="stream was invalid"):
        proxy.add_toxic(type="latency", stream="sideways")
    with pytest.raises(NotFound, match="toxic not found"):
        proxy.destroy_toxic("nope")
    client.destroy(proxy)
    with pytest.raises(NotFound, match="proxy not found"):
        proxy.toxics()


def test_down_disables_and_enables_again(client: Toxiproxy, service: Service) -> None:
    """disable, enable and the context manager around them."""
    proxy = client.create(upstream=service.address, name="db", listen="127.0.0.1:0")
    pair = service.pair(proxy.listen)
    with proxy.down():
        assert pair.client.read().end in {EOF, RESET}
        assert client.get_proxy("db").enabled is False
        with pytest.raises(ConnectionRefusedError):
            connect(proxy.listen)
    assert client.get_proxy("db").enabled is True
    again = service.pair(proxy.listen)
    again.client.send(b"x")
    assert again.upstream.read_exactly(1).data == b"x"


def test_reset_heals_everything(client: Toxiproxy) -> None:
    """Toxics are removed, disabled proxies enabled."""
    proxy = client.create(upstream="x", name="db", enabled=False)
    proxy.add_toxic(type="latency")
    assert client.reset() is True
    assert (client.get_proxy("db").enabled, proxy.toxics()) == (True, {})
