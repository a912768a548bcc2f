"""POST /populate and POST /reset: many proxies at once, and the heal of all of them."""

from __future__ import annotations

import pytest

from .api import Api, without_extras
from .arms import lasting_port
from .wire import Pair, Service, connect

P1 = {"name": "p1", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
P2 = {"name": "p2", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": False}


def test_a_list_makes_proxies_in_order(api: Api) -> None:
    """201 with {"proxies": […]}, each as its own path shows it."""
    answer = api.post("/populate", [P1, P2])
    proxies = answer.fields["proxies"]
    assert isinstance(proxies, list)
    assert (answer.status, set(answer.fields)) == (201, {"proxies"})
    assert [without_extras(p)["name"] for p in proxies] == ["p1", "p2"]
    assert [without_extras(p)["enabled"] for p in proxies] == [True, False]
    assert proxies == [api.get("/proxies/p1").body, api.get("/proxies/p2").body]


def test_an_empty_list_changes_nothing(api: Api) -> None:
    """201; proxies that are not in the list stay."""
    api.post("/proxies", P1)
    assert api.post("/populate", []).status == 201
    assert list(api.get("/proxies").fields) == ["p1"]


def test_the_same_proxy_again_is_kept_with_its_toxics(api: Api) -> None:
    """With the same listen and upstream, its toxics and its port stay."""
    before = api.post("/proxies", P1).fields
    api.toxic("p1", "latency", latency=1)
    again = {"name": "p1", "listen": before["listen"], "upstream": P1["upstream"]}
    answer = api.post("/populate", [again])
    assert answer.status == 201
    assert answer.fields["proxies"] == [api.get("/proxies/p1").body]
    assert api.get("/proxies/p1").fields["toxics"] != []


def test_the_same_proxy_again_keeps_its_connections(
    api: Api, service: Service, listen: str, pair: Pair
) -> None:
    """An open connection stays open."""
    body = [{"name": "db", "listen": listen, "upstream": service.address}]
    assert api.post("/populate", body).status == 201
    pair.client.send(b"still here")
    assert pair.upstream.read_exactly(10).data == b"still here"


def test_a_changed_proxy_is_replaced(api: Api) -> None:
    """With another upstream or listen: a new proxy without toxics, and the old port refuses."""
    old = str(api.post("/proxies", P1).fields["listen"])
    api.toxic("p1", "latency", latency=1)
    port = f"127.0.0.1:{lasting_port()}"
    api.post("/populate", [{**P1, "listen": port, "upstream": "127.0.0.1:2"}])
    now = without_extras(api.get("/proxies/p1").body)
    assert (now["listen"], now["upstream"], now["toxics"]) == (port, "127.0.0.1:2", [])
    with pytest.raises(ConnectionRefusedError):
        connect(old)


@pytest.mark.parametrize("raw", ["", "{}", '"x"', "[5]", '[{"name":1}]'])
def test_a_body_that_is_no_list_of_proxies_is_400(api: Api, raw: str) -> None:
    """The error also has `proxies`, null."""
    answer = api.post("/populate", raw=raw)
    assert answer.status == 400
    assert answer.error.startswith("bad request body: ")
    assert answer.fields["proxies"] is None


@pytest.mark.parametrize(
    ("bad", "error"),
    [({"upstream": "x"}, "missing required field: name at proxy 2"),
     ({"name": "p3"}, "missing required field: upstream at proxy 2")],
)  # fmt: skip
def test_with_one_wrong_proxy_none_is_made(api: Api, bad: object, error: str) -> None:
    """All are checked before one is made; the error counts them from 1."""
    answer = api.post("/populate", [P1, bad])
    assert (answer.status, answer.error, answer.fields["proxies"]) == (400, error, None)
    assert api.get("/proxies").fields == {}


def test_a_listen_error_stops_there_and_lists_what_was_made(api: Api) -> None:
    """500 with the proxies made before it; those after it are not made."""
    answer = api.post("/populate", [P1, {**P2, "listen": "nonsense", "enabled": True},
                                    {**P1, "name": "p3"}])  # fmt: skip
    assert (answer.status, answer.error) == (
        500,
        "listen tcp: address nonsense: missing port in address",
    )
    assert answer.fields["proxies"] == [api.get("/proxies/p1").body]
    assert list(api.get("/proxies").fields) == ["p1"]


def test_reset_enables_all_and_removes_all_toxics(api: Api) -> None:
    """204; also proxies that were created disabled listen; the body is ignored."""
    api.post("/populate", [P1, P2])
    api.toxic("p1", "latency", latency=1)
    api.toxic("p1", "latency", "upstream", latency=1)
    api.post("/proxies/p1", {"enabled": False})
    assert api.post("/reset", raw="anything").status == 204
    for name in ("p1", "p2"):
        proxy = without_extras(api.get(f"/proxies/{name}").body)
        assert (proxy["enabled"], proxy["toxics"]) == (True, [])
        connect(str(proxy["listen"])).close()


def test_reset_keeps_connections(api: Api, pair: Pair) -> None:
    """Open connections are not cut."""
    api.toxic("db", "latency", latency=60_000)
    assert api.post("/reset").status == 204
    pair.upstream.send(b"alive")
    seen = pair.client.read_exactly(5)
    assert seen.data == b"alive"
