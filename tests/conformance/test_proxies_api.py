"""Proxies over HTTP: created, read, changed and deleted, and every error."""

from __future__ import annotations

import pytest

from .api import PROXY_KEYS, Api, without_extras
from .arms import lasting_port
from .wire import End, connect

A = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
BAD_BODIES = ["", "{", "[]", '"x"', "5", '{"name":5}', '{"enabled":"yes"}', "}{", '{"name":"a",}']


def test_a_new_proxy_is_shown_with_its_real_port(api: Api) -> None:
    """201 with all fields; port 0 became a port that accepts."""
    answer = api.post("/proxies", A)
    proxy = without_extras(answer.fields)
    listen = str(proxy.pop("listen"))
    assert answer.status == 201
    assert proxy == {"name": "a", "upstream": "127.0.0.1:1", "enabled": True, "toxics": []}
    assert listen.startswith("127.0.0.1:")
    assert not listen.endswith(":0")
    connect(listen).close()


def test_a_named_port_is_kept(api: Api) -> None:
    """A listen address with a port is used unchanged."""
    listen = f"127.0.0.1:{lasting_port()}"
    assert api.post("/proxies", {**A, "listen": listen}).fields["listen"] == listen
    connect(listen).close()


def test_a_listen_name_is_resolved(api: Api) -> None:
    """The answer has the address of `localhost`."""
    listen = api.post("/proxies", {**A, "listen": "localhost:0"}).fields["listen"]
    assert str(listen).startswith("127.0.0.1:")


@pytest.mark.parametrize("listen", [":0", "", None])
def test_no_listen_host_means_every_interface(api: Api, listen: str | None) -> None:
    """An empty or absent listen address gets a free port, which loopback also reaches."""
    got = str(api.post("/proxies", {**A, "listen": listen}).fields["listen"])
    _, _, port = got.rpartition(":")
    assert int(port) > 0
    connect(f"127.0.0.1:{port}").close()


def test_a_proxy_made_disabled_does_not_listen(api: Api) -> None:
    """With `enabled: false` the address stays as written, and no port is bound."""
    listen = f"127.0.0.1:{lasting_port()}"
    assert api.post("/proxies", {**A, "listen": listen, "enabled": False}).status == 201
    assert api.get("/proxies/a").fields["enabled"] is False
    with pytest.raises(ConnectionRefusedError):
        connect(listen)


@pytest.mark.parametrize("value", [None, True])
def test_enabled_is_the_default(api: Api, value: bool | None) -> None:
    """Absent means true, and null means absent."""
    assert api.post("/proxies", {**A, "enabled": value}).fields["enabled"] is True


@pytest.mark.parametrize("upstream", ["x", "not a place", "127.0.0.1:notaport"])
def test_an_upstream_is_not_checked_at_creation(api: Api, upstream: str) -> None:
    """It is dialled for each connection, so an error shows there."""
    assert api.post("/proxies", {**A, "upstream": upstream}).status == 201
    assert api.get("/proxies/a").fields["upstream"] == upstream


def test_keys_are_case_insensitive_and_unknown_ones_are_ignored(api: Api) -> None:
    """As in Go's decoder."""
    answer = api.post("/proxies", {"NAME": "a", "Upstream": "x", "LISTEN": "127.0.0.1:0", "k": 1})
    assert (answer.status, answer.fields["name"], answer.fields["upstream"]) == (201, "a", "x")


def test_what_follows_the_object_is_ignored(api: Api) -> None:
    """One JSON value is read; the rest of the body is ignored."""
    raw = '{"name":"a","upstream":"x","listen":"127.0.0.1:0"} and more'
    assert api.post("/proxies", raw=raw).status == 201


@pytest.mark.parametrize("raw", BAD_BODIES)
def test_a_body_that_is_no_proxy_is_400(api: Api, raw: str) -> None:
    """Broken JSON and wrong types are refused, and no proxy is made."""
    answer = api.post("/proxies", raw=raw)
    assert (answer.status, answer.content_type.split(";")[0]) == (400, "text/plain")
    assert answer.error.startswith("bad request body: ")
    assert api.get("/proxies").fields == {}


@pytest.mark.parametrize("raw", ["", "{"])
def test_an_empty_or_cut_body_is_refused(api: Api, raw: str) -> None:
    """The two most common mistakes."""
    answer = api.post("/proxies", raw=raw)
    assert answer.status == 400
    assert answer.error.startswith("bad request body: ")


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "name"), (None, "name"), ({"name": ""}, "name"), ({"upstream": "x"}, "name"),
     ({"name": "a"}, "upstream"), ({"name": "a", "upstream": None}, "upstream")],
)  # fmt: skip
def test_a_missing_field_is_named(api: Api, body: object, field: str) -> None:
    """First the name, then the upstream; null and "" count as missing."""
    answer = api.post("/proxies", raw="null") if body is None else api.post("/proxies", body)
    assert (answer.status, answer.error) == (400, f"missing required field: {field}")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_taken_name_is_409(api: Api, enabled: bool) -> None:
    """The first proxy does not change."""
    first = api.post("/proxies", A).fields
    answer = api.post("/proxies", {**A, "upstream": "127.0.0.1:2", "enabled": enabled})
    assert (answer.status, answer.error) == (409, "proxy already exists")
    assert api.get("/proxies/a").fields == first


def test_a_taken_port_is_500_and_makes_nothing(api: Api) -> None:
    """The text has the address; the proxy is not kept."""
    taken = api.post("/proxies", A).fields["listen"]
    answer = api.post("/proxies", {**A, "name": "b", "listen": taken})
    assert (answer.status, answer.error) == (
        500,
        f"listen tcp {taken}: bind: address already in use",
    )
    assert list(api.get("/proxies").fields) == ["a"]


@pytest.mark.parametrize(
    ("listen", "error"),
    [("nonsense", "listen tcp: address nonsense: missing port in address"),
     ("127.0.0.1:99999", "listen tcp: address 99999: invalid port")],
)  # fmt: skip
def test_a_wrong_listen_address_is_500(api: Api, listen: str, error: str) -> None:
    """The text has the reason; the proxy is not kept."""
    answer = api.post("/proxies", {**A, "listen": listen})
    assert (answer.status, answer.error) == (500, error)
    assert api.get("/proxies").fields == {}


def test_proxies_are_listed_by_name(api: Api) -> None:
    """GET /proxies is an object: each name with the same body as the proxy's own path."""
    for name in ("b", "a"):
        api.post("/proxies", {**A, "name": name})
    listed = api.get("/proxies")
    assert (listed.status, set(listed.fields)) == (200, {"a", "b"})
    assert all(listed.fields[name] == api.get(f"/proxies/{name}").body for name in ("a", "b"))
    assert set(without_extras(listed.fields["a"])) == PROXY_KEYS


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_an_unknown_proxy_is_404(api: Api, method: str) -> None:
    """With every method of its path."""
    answer = api.request(method, "/proxies/zz", {})
    assert (answer.status, answer.error) == (404, "proxy not found")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_only_needs_the_changed_fields(api: Api, method: str) -> None:
    """Absent and null fields stay; a name in the body is ignored; the answer is the proxy."""
    before = api.post("/proxies", A).fields
    for body in ({}, {"enabled": None, "upstream": None, "listen": None}, {"name": "zzz"}):
        answer = api.request(method, "/proxies/a", body)
        assert (answer.status, answer.fields) == (200, before)
    changed = api.request(method, "/proxies/a", {"upstream": "127.0.0.1:2"}).fields
    assert changed == {**before, "upstream": "127.0.0.1:2"}
    assert api.get("/proxies/a").fields == changed


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("raw", ["", "{", "[]", '{"enabled":"x"}', '{"upstream":1}'])
def test_a_bad_change_is_400_and_changes_nothing(api: Api, method: str, raw: str) -> None:
    """The proxy is shown as before."""
    before = api.post("/proxies", A).fields
    answer = api.request(method, "/proxies/a", raw=raw)
    assert answer.status == 400
    assert answer.error.startswith("bad request body: ")
    assert api.get("/proxies/a").fields == before


def test_a_new_listen_address_moves_the_proxy(api: Api) -> None:
    """The old port refuses, the new one accepts, the toxics stay."""
    old = str(api.post("/proxies", A).fields["listen"])
    api.toxic("a", "latency", latency=1)
    moved = api.patch("/proxies/a", {"listen": "127.0.0.1:0"})
    new = str(moved.fields["listen"])
    assert (moved.status, new != old) == (200, True)
    assert not new.endswith(":0")
    assert len(api.get("/proxies/a/toxics").text) > len("[]")
    with pytest.raises(ConnectionRefusedError):
        connect(old)
    connect(new).close()


def test_a_wrong_listen_address_moves_nothing(api: Api) -> None:
    """500, and the proxy stays at its address."""
    before = api.post("/proxies", A).fields
    answer = api.patch("/proxies/a", {"listen": "nonsense"})
    assert (answer.status, answer.error) == (500, "address nonsense: missing port in address")
    assert api.get("/proxies/a").fields == before


def test_a_disabled_proxy_refuses_and_returns_on_its_port(api: Api) -> None:
    """Enabled again, the same address accepts, and the toxics stay."""
    listen = str(api.post("/proxies", A).fields["listen"])
    api.toxic("a", "latency", latency=1)
    toxics = api.get("/proxies/a/toxics").body
    off = api.post("/proxies/a", {"enabled": False})
    assert (off.status, off.fields["enabled"], off.fields["toxics"]) == (200, False, toxics)
    with pytest.raises(ConnectionRefusedError):
        connect(listen)
    on = api.post("/proxies/a", {"enabled": True})
    assert (on.fields["enabled"], on.fields["listen"], on.fields["toxics"]) == (
        True,
        listen,
        toxics,
    )
    connect(listen).close()


def test_a_deleted_proxy_is_gone(api: Api) -> None:
    """Its port refuses, its path is 404, its name is free."""
    listen = str(api.post("/proxies", A).fields["listen"])
    assert api.delete("/proxies/a").status == 204
    with pytest.raises(ConnectionRefusedError):
        connect(listen)
    assert api.get("/proxies/a").status == 404
    assert api.post("/proxies", {**A, "listen": listen}).fields["listen"] == listen


def test_a_name_may_have_a_space(api: Api) -> None:
    """In a path it is percent-encoded."""
    api.post("/proxies", {**A, "name": "my db"})
    assert api.get("/proxies/my%20db").fields["name"] == "my db"
    assert api.delete("/proxies/my%20db").status == 204


def test_an_upstream_that_refuses_ends_the_client(api: Api) -> None:
    """The client is accepted before the upstream is dialled, then its connection ends."""
    refusing = f"127.0.0.1:{lasting_port()}"
    listen = str(api.post("/proxies", {**A, "upstream": refusing}).fields["listen"])
    client: End = connect(listen)
    seen = client.read()
    client.close()
    assert seen.end == "eof"
