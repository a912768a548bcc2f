"""The deliberate differences of docs/compat.md, each tested on both servers.

If a test fails for the server `toxiproxy`, Toxiproxy has changed: then decide whether the
difference is still wanted.

"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from chaoslab.clock import now_s

from .api import Api
from .arms import ARMS, TOXIPROXY, Arm, running, toxiproxy_binary
from .conftest import NO_TOXIPROXY
from .test_metrics import counters
from .wire import EOF, PATIENCE_S, RESET, SILENT, End, Pair, Service, connect

OpenPair = Callable[[], Pair]
LATENCY_MS = 1500  # much longer than an unaffected byte takes on a machine that stalls
PROXY = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}


def test_reset_peer_resets_idle_connections(arm: Arm, api: Api, open_pair: OpenPair) -> None:
    """Engine: an idle pooled connection gets an RST. Toxiproxy: only when data arrives."""
    api.toxic("db", "reset_peer", timeout=50)
    pair = open_pair()
    within_s = PATIENCE_S if arm.is_embedded else 0.3
    ends = {pair.client.read(within_s).end, pair.upstream.read(within_s).end}
    assert ends == ({RESET} if arm.is_embedded else {SILENT})


def test_reset_peer_resets_connections_that_were_open_before(
    arm: Arm, api: Api, pair: Pair
) -> None:
    """Engine: an RST. Toxiproxy: an EOF."""
    api.toxic("db", "reset_peer")
    if not arm.is_embedded:
        pair.upstream.send(b"x")
    assert pair.client.read().end == (RESET if arm.is_embedded else EOF)


def test_chunks_do_not_restart_a_timeout(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: 1.5 s are 1.5 s. Toxiproxy: with traffic every 50 ms the connection stays open."""
    # Long, because in Toxiproxy a stall of this length would end the connection too.
    start_s, ended_s = now_s(), None
    api.toxic("db", "timeout", timeout=1500)
    while ended_s is None and now_s() - start_s < 3.5:
        with contextlib.suppress(OSError):  # it has ended, which the client's end shows
            pair.upstream.send(b"x")
        if pair.client.read(0.05).end == EOF:
            ended_s = now_s() - start_s
    if arm.is_embedded:
        assert ended_s is not None
        assert ended_s >= 1.499
    else:
        assert ended_s is None


def test_a_half_closed_connection_goes_on(arm: Arm, pair: Pair) -> None:
    """Engine: the other direction still works, as without a proxy. Toxiproxy: it ends both."""
    pair.client.half_close()
    assert pair.upstream.read().end == EOF
    if arm.is_embedded:
        pair.upstream.send(b"answer")
        assert pair.client.read_exactly(6).data == b"answer"
    else:
        assert pair.client.read().end == EOF


def test_a_reset_is_passed_on_as_a_reset(arm: Arm, pair: Pair) -> None:
    """Engine: an RST arrives as an RST. Toxiproxy: as an EOF."""
    pair.client.send(b"x")
    assert pair.upstream.read_exactly(1).data == b"x"
    pair.client.reset()
    assert pair.upstream.read().end == (RESET if arm.is_embedded else EOF)


def test_toxicity_is_drawn_once_per_connection(arm: Arm, api: Api, open_pair: OpenPair) -> None:
    """Engine: a change of another toxic does not draw again. Toxiproxy draws again."""
    body = {"type": "latency", "toxicity": 0.5, "attributes": {"latency": LATENCY_MS}}
    assert api.post("/proxies/db/toxics", body).status == 200
    pairs = [open_pair() for _ in range(40)]
    before = _slow(pairs)
    api.toxic("db", "noop")  # another toxic, behind the latency
    after = _slow(pairs)
    if arm.is_embedded:
        assert (before == after, any(before), all(before)) == (True, True, False)
    else:
        assert api.delete("/proxies/db/toxics/noop_downstream").status == 204
        assert any(_slow(pairs) != before for _ in range(3)) or before != after


def _slow(pairs: list[Pair]) -> list[bool]:
    """Which connections a byte needs the whole latency on; on the others it arrives before."""
    came_s: dict[End, float] = {}
    start_s = now_s()
    for pair in pairs:
        pair.upstream.send(b"x")
    while len(came_s) < len(pairs):
        waiting = [pair.client for pair in pairs if pair.client not in came_s]
        ready = select.select([end.sock for end in waiting], [], [], PATIENCE_S)[0]
        assert ready, "a byte was lost"
        at_s = now_s()
        for end in waiting:
            if end.sock in ready:
                assert end.read_exactly(1).data == b"x"
                came_s[end] = at_s - start_s
    return [came_s[pair.client] >= LATENCY_MS / 1000 - 0.001 for pair in pairs]


def test_a_refused_change_changes_nothing(arm: Arm, api: Api) -> None:
    """Engine: all or nothing. Toxiproxy keeps the valid attributes of a refused body."""
    api.post("/proxies", PROXY)
    path = api.toxic("a", "latency", latency=5)
    assert api.patch(path, raw='{"attributes":{"latency":9,"jitter":"x"}}').status == 400
    kept = 5 if arm.is_embedded else 9
    assert api.get(path).fields["attributes"] == {"latency": kept, "jitter": 0}


def test_toxics_can_come_with_the_proxy(arm: Arm, api: Api) -> None:
    """Engine: `toxics` in the body of a new proxy are added. Toxiproxy ignores them."""
    toxic = {"type": "latency", "attributes": {"latency": 5}}
    made = {"name": "latency_downstream", "type": "latency", "stream": "downstream",
            "toxicity": 1, "attributes": {"latency": 5, "jitter": 0}}  # fmt: skip
    expected = [made] if arm.is_embedded else []
    assert api.post("/proxies", {**PROXY, "toxics": [toxic]}).fields["toxics"] == expected
    assert api.post("/populate", [{**PROXY, "name": "b", "toxics": [toxic]}]).status == 201
    assert api.get("/proxies/b").fields["toxics"] == expected


def test_only_the_engine_has_silence(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: it holds bytes and delivers them at the heal. Toxiproxy: an unknown type."""
    answer = api.post("/proxies/db/toxics", {"type": "silence"})
    if not arm.is_embedded:
        assert (answer.status, answer.error) == (400, "invalid toxic type")
        return
    pair.upstream.send(b"held")
    assert pair.client.read(0.1).end == SILENT
    assert api.delete("/proxies/db/toxics/silence_downstream").status == 204
    assert pair.client.read_exactly(4).data == b"held"


def test_the_engine_names_itself(arm: Arm, api: Api) -> None:
    """Engine: GET /chaoslab. Toxiproxy: 404, so a client can distinguish them."""
    answer = api.get("/chaoslab")
    assert answer.status == (200 if arm.is_embedded else 404)
    if arm.is_embedded:
        assert answer.fields["engine"] == "chaoslab"


def test_bytes_are_counted_while_a_connection_is_open(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: /metrics is live. Toxiproxy counts when the connection ends."""
    sent = ("received", "db", "upstream")
    before = counters(api).get(sent, 0)  # Toxiproxy keeps those of an earlier proxy
    pair.client.send(b"7 bytes")
    assert pair.upstream.read_exactly(7).data == b"7 bytes"
    counted = {key: value for key, value in counters(api).items() if key == sent}
    assert counted.get(sent, 0) - before == (7 if arm.is_embedded else 0)


@pytest.fixture(params=ARMS)
def own_arm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Arm]:
    """A server of this test only, because the test may crash it."""
    if request.param == TOXIPROXY and toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    with running(request.param, tmp_path / "log") as started:
        yield started


@pytest.fixture
def own_api(own_arm: Arm) -> Iterator[Api]:
    """The API of that server."""
    with httpx.Client(base_url=own_arm.url, timeout=5.0, trust_env=False) as http:
        yield Api(http)


def test_a_name_with_a_slash_can_be_reached(own_arm: Arm, own_api: Api) -> None:
    """Engine: %2F in a path is a part of a name. Toxiproxy does not find such a proxy."""
    assert own_api.post("/proxies", {**PROXY, "name": "a/b"}).status == 201
    if own_arm.is_embedded:
        assert own_api.get("/proxies/a%2Fb").fields["name"] == "a/b"
        assert own_api.delete("/proxies/a%2Fb").status == 204
    assert own_api.get("/proxies/a%2Fb").status == 404
    assert list(own_api.get("/proxies").fields) == ([] if own_arm.is_embedded else ["a/b"])


def test_a_slicer_of_size_zero_passes_bytes(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: it slices nothing. Toxiproxy 2.12: the whole server crashes at the first chunk."""
    api.toxic("db", "slicer")
    if not arm.is_embedded:
        pytest.skip("kills the real server after a gigabyte of stack: seen once, by hand")
    pair.upstream.send(b"q" * 100)
    assert pair.client.read_exactly(100).data == b"q" * 100


def test_toxicity_zero_never_acts(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: no effect. Toxiproxy: a removed `timeout` closes connections all the same."""
    toxic = {"type": "timeout", "toxicity": 0}
    assert api.post("/proxies/db/toxics", toxic).status == 200
    pair.upstream.send(b"x")
    assert pair.client.read_exactly(1).data == b"x"
    assert api.delete("/proxies/db/toxics/timeout_downstream").status == 204
    within_s = 0.15 if arm.is_embedded else PATIENCE_S
    assert pair.client.read(within_s).end == (SILENT if arm.is_embedded else EOF)


def test_a_removed_reset_peer_loses_nothing(own_arm: Arm, own_api: Api) -> None:
    """Engine: the held bytes are delivered. Toxiproxy's API hangs (issue 558)."""
    with Service() as service:
        body = {"name": "db", "listen": "127.0.0.1:0", "upstream": service.address}
        listen = str(own_api.post("/proxies", body).fields["listen"])
        path = own_api.toxic("db", "reset_peer", timeout=60_000)
        pair = service.pair(listen)
        pair.upstream.send(b"kept")
        assert pair.client.read(0.1).end == SILENT
        if own_arm.is_embedded:
            assert own_api.delete(path).status == 204
            assert pair.client.read_exactly(4).data == b"kept"
            return
        with httpx.Client(base_url=own_arm.url, timeout=1.0, trust_env=False) as http:
            for method, where in (("DELETE", path), ("GET", "/proxies")):
                with pytest.raises(httpx.ReadTimeout):
                    http.request(method, where, headers={"User-Agent": "conformance"})


def test_a_changed_latency_counts_from_arrival(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: a waiting chunk gets the new latency. Toxiproxy delivers it at once."""
    path = api.toxic("db", "latency", latency=60_000)
    start_s = now_s()
    pair.upstream.send(b"x")
    assert pair.client.read(1.5).end == SILENT
    assert api.patch(path, {"attributes": {"latency": 3000}}).status == 200
    assert pair.client.read_exactly(1).data == b"x"
    # Counted from the change it would take 4.5 s. The margins of 1.4 s are for a stall.
    least_s, most_s = (2.999, 4.4) if arm.is_embedded else (1.499, 2.9)
    assert least_s <= now_s() - start_s <= most_s


def test_bandwidth_and_latency_add_up(arm: Arm, api: Api, pair: Pair) -> None:
    """Engine: 1.5 s of bandwidth and 1.5 s of latency take 3 s. In Toxiproxy they overlap."""
    api.toxic("db", "bandwidth", rate=10)
    api.toxic("db", "latency", latency=1500)
    start_s = now_s()
    pair.upstream.send(b"q" * 15_000)
    assert len(pair.client.read_exactly(15_000).data) == 15_000
    # The upper bound has more than one second for a stall.
    least_s, most_s = (2.8, 4.5) if arm.is_embedded else (1.4, 2.7)
    assert least_s <= now_s() - start_s <= most_s


def test_two_slashes_are_another_path(arm: Arm, api: Api) -> None:
    """Engine: 404. Toxiproxy redirects to the path with one slash."""
    assert api.get("/proxies//toxics").status == (404 if arm.is_embedded else 301)


def test_a_reset_that_fails_has_reset_the_rest(arm: Arm, api: Api) -> None:
    """Engine: all but the proxy that cannot start. Toxiproxy stops there, in no fixed order."""
    api.post("/proxies", {**PROXY, "name": "bad", "listen": "nonsense", "enabled": False})
    for name in ("a", "z"):
        api.post("/proxies", {**PROXY, "name": name})
        api.toxic(name, "latency")
    assert api.post("/reset").status == 500
    left = [name for name in ("a", "z") if api.get(f"/proxies/{name}").fields["toxics"]]
    assert left == [] or not arm.is_embedded


@pytest.mark.parametrize("path", ["/./version", "/proxies/../version", "/%76ersion"])
def test_only_names_in_a_path_are_decoded(arm: Arm, api: Api, path: str) -> None:
    """Engine: 404. Toxiproxy decodes the fixed parts of a path and redirects around dots."""
    end = connect(f"{arm.host}:{arm.port}")
    end.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    status = int(end.read().data.split()[1])
    end.close()
    assert status == (404 if arm.is_embedded else 200 if "%" in path else 301)


def test_a_body_nested_a_thousand_deep_is_refused(arm: Arm, api: Api) -> None:
    """Engine: 400. Toxiproxy reads up to ten thousand levels."""
    deep = '{"name":"a","upstream":"x","unknown":' + "[" * 5000 + "]" * 5000 + "}"
    answer = api.post("/proxies", raw=deep)
    assert answer.status == (400 if arm.is_embedded else 201)
    if arm.is_embedded:
        assert answer.error == "bad request body: nested too deeply"


def test_of_a_field_given_twice_the_last_one_counts(arm: Arm, api: Api) -> None:
    """Engine: as in most JSON readers. Toxiproxy merges the two objects."""
    api.post("/proxies", PROXY)
    raw = '{"type":"latency","attributes":{"latency":1},"attributes":{"jitter":2}}'
    attributes = api.post("/proxies/a/toxics", raw=raw).fields["attributes"]
    assert attributes == {"latency": 0 if arm.is_embedded else 1, "jitter": 2}


def test_a_logger_in_a_body_is_ignored(arm: Arm, api: Api) -> None:
    """Engine: whatever it is. Toxiproxy refuses one that is not an object."""
    assert api.post("/proxies", {**PROXY, "Logger": 5}).status == (201 if arm.is_embedded else 400)


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_another_origin_is_refused(arm: Arm, http: httpx.Client, header: str) -> None:
    """Engine: 403 for the page of another origin. Toxiproxy only checks the User-Agent."""
    name = "evil.example" if header == "Host" else "http://evil.example"
    status = http.get("/version", headers={header: name}).status_code
    assert status == (403 if arm.is_embedded else 200)


def test_a_fetch_of_a_page_is_refused(arm: Arm, http: httpx.Client) -> None:
    """Engine: by headers that only browsers set. Toxiproxy: only by `Mozilla/`."""
    status = http.get("/version", headers={"Sec-Fetch-Site": "cross-site"}).status_code
    assert status == (403 if arm.is_embedded else 200)


@pytest.mark.parametrize("address", ["a..b:0", "x\0:1", "127.0.0.1:\u00b2", "a" * 64 + ":1"])
def test_an_impossible_address_is_refused_at_once(arm: Arm, api: Api, address: str) -> None:
    """Engine: 400. Toxiproxy: 500 as a listen address; accepted as an upstream."""
    listening = api.post("/proxies", {**PROXY, "listen": address})
    upstream = api.post("/proxies", {**PROXY, "upstream": address})
    expected = (400, 400) if arm.is_embedded else (500, 201)
    assert (listening.status, upstream.status) == expected


def test_a_body_over_a_megabyte_is_refused(arm: Arm, api: Api) -> None:
    """Engine: 413, without reading it. Toxiproxy reads it all."""
    raw = '{"name":"a","upstream":"x","listen":"127.0.0.1:0"}' + " " * (1 << 20)
    assert api.post("/proxies", raw=raw).status == (413 if arm.is_embedded else 201)
