"""Wrong and hostile requests to the API: each is answered within bounds, and the engine goes on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaoslab.engine import http_server
from chaoslab.engine.host_check import HostCheck, is_loopback
from chaoslab.engine.http_messages import Answer, App, Request
from chaoslab.engine.routes import Router, route
from chaoslab.engine.toxiproxy_api import errors_as_answers

from .rig import PATIENCE_S, Address, Engine, Proxy, echo, read_exactly, running_engine, upstream

MIB = 1 << 20
HEAD = b"POST /proxies HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def own() -> Iterator[Engine]:
    """An engine of this test only."""
    with running_engine("--seed", "7") as running:
        yield running


def spoken(engine: Engine, *pieces: bytes) -> bytes:
    """All bytes that come back for raw bytes, until the engine ends the connection."""
    host, _, port = engine.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        with contextlib.suppress(OSError):  # it may refuse before all bytes are sent
            for piece in pieces:
                sock.sendall(piece)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while data := sock.recv(65536):
                got += data
        return got


def peak_bytes(engine: Engine) -> int:
    """The most memory that the engine has used."""
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def status_of(engine: Engine, **proxy: object) -> int:
    """The status of a request that creates a proxy."""
    body = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", **proxy}
    status = engine.http.post("/proxies", json=body).status_code
    engine.http.delete("/proxies/a")
    return status


# --- bodies ---


def test_a_body_above_the_limit_is_refused_without_reading_it(own: Engine) -> None:
    """By its Content-Length and by its chunks; the client can read the answer."""
    before = peak_bytes(own)
    promised = spoken(own, HEAD + b"Content-Length: 16777216\r\n\r\n", b" " * 16 * MIB)
    assert promised.startswith(b"HTTP/1.1 413 ")
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    chunked = spoken(own, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 40)
    assert chunked.startswith(b"HTTP/1.1 413 ")
    many = spoken(own, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000)
    assert many.startswith(b"HTTP/1.1 413 ")
    assert peak_bytes(own) - before < 16 * MIB
    assert status_of(own) == 201


def test_incomplete_bodies_take_little_memory(own: Engine) -> None:
    """Without a limit, forty of them took 686 MB."""
    before = peak_bytes(own)
    host, _, port = own.url.removeprefix("http://").rpartition(":")
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            sock = stack.enter_context(socket.create_connection((host, int(port))))
            sock.settimeout(PATIENCE_S)
            with contextlib.suppress(OSError):
                sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % MIB + b" " * (MIB - 1))
        assert status_of(own) == 201
        assert peak_bytes(own) - before < 120 * MIB


def test_traffic_goes_on_while_a_large_body_is_read(own: Engine) -> None:
    """A megabyte of numbers takes a second to read; traffic must not wait for it."""
    body = b"[" + b"1.5," * (MIB // 4 - 2) + b"x]"
    with upstream(echo) as address, own.proxy(address).dial() as client:
        host, _, port = own.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
            sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            trips, begun_s, answered = 0, time.monotonic(), False
            sock.setblocking(False)
            while not answered and time.monotonic() - begun_s < PATIENCE_S:
                client.sendall(b"x")
                assert read_exactly(client, 1) == b"x"
                trips += 1
                with contextlib.suppress(BlockingIOError):
                    answered = sock.recv(4096).startswith(b"HTTP/1.1 400 ")
            took_s = time.monotonic() - begun_s
    assert answered
    # at most one round trip in 5 ms, since both threads share one lock; fewer if the machine stalls
    assert trips >= max(2, 20 * took_s)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"name":"a","upstream":"x","more":' + "[" * 300 + "]" * 300 + "}", "nested too deeply"),
        ("[" + "{}," * 20_000 + "{}]", "more than 10000 objects and arrays"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name":' + "9" * 5000 + "}", "expected a string; got inf"),
        ('{"name":"a","upstream":"x","listen":' + "1" * 5000, "not JSON"),
        ('"' + "a" * 900_000, "not JSON"),
        ('{"name": NaN}', "NaN is not allowed"),
    ],
    ids=range(7),
)
def test_an_unusual_body_is_400_with_a_text(engine: Engine, body: str, why: str) -> None:
    """For any content; the next request is served."""
    answer = engine.http.post("/populate" if body.startswith("[{") else "/proxies", content=body)
    assert (answer.status_code, why in answer.text) == (400, True), answer.text
    assert engine.http.get("/version").status_code == 200


# --- slow requests, and bugs ---


@asynccontextmanager
async def served(app: App) -> AsyncIterator[int]:
    """The HTTP server around an app of this test."""
    serve = functools.partial(http_server.serve_connection, app)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def fine(_request: Request) -> Answer:
    return Answer(body="fine")


@pytest.mark.parametrize("piece", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", HEAD])
async def test_a_request_that_never_ends_is_abandoned(
    monkeypatch: pytest.MonkeyPatch, piece: bytes
) -> None:
    """The time counts from its first byte; a client that has not begun may wait."""
    monkeypatch.setattr(http_server, "_READ_WITHIN_S", 0.2)
    async with served(fine) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(piece)
        try:
            async with asyncio.timeout(PATIENCE_S if piece else 0.6):
                assert await reader.read() == b""
            assert piece
        except TimeoutError:
            assert not piece
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_bug_is_a_500_and_the_connection_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bug in one request does not end the server, and its client gets an answer."""

    async def buggy(request: Request, _names: dict[str, str]) -> Answer:
        if request.query:
            raise RecursionError(request.query)
        return Answer(body="fine")

    app = Router([route("GET", "/", errors_as_answers(buggy))], HostCheck())
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        statuses = []
        for query in ("?x", ""):
            writer.write(b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % query.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            await reader.readexactly(int(length[1]))
            statuses.append(int(head.split()[1]))
        writer.close()
    assert statuses == [500, 200]
    assert "RecursionError" in capsys.readouterr().err


# --- addresses ---

IMPOSSIBLE = [
    "a..b:0",
    "a..b:1",
    ".a:1",
    "x\0:1",
    "127.0.0.1:1\0",
    "a\n:1",
    "127.0.0.1:²",
    "127.0.0.1:" + "9" * 5000,
    "a" * 64 + ":1",
    "a" * 64,
    "a" * 5000 + ":1",
    "ü" * 64 + ":1",
]


@pytest.mark.parametrize("address", IMPOSSIBLE, ids=lambda text: repr(text)[:20])
def test_an_impossible_address_is_400(engine: Engine, address: str) -> None:
    """As listen and as upstream; at creation, in a list and at a change; disabled or not."""
    assert status_of(engine, listen=address) == 400
    assert status_of(engine, upstream=address) == 400
    assert status_of(engine, listen=address, enabled=False) == 400
    good = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
    for field in ("listen", "upstream"):
        bad = {**good, field: address}
        assert engine.http.post("/populate", json=[bad]).status_code == 400
        engine.call("POST", "/proxies", good, expect=201)
        changed = engine.http.patch("/proxies/a", json={field: address})
        assert (changed.status_code, len(changed.text) < 300) == (400, True)
        assert engine.call("GET", "/proxies/a")["upstream"] == "127.0.0.1:1"
        engine.call("DELETE", "/proxies/a", expect=204)


@pytest.mark.parametrize(
    "upstream_", ["x", "not a place", "127.0.0.1:notaport", "127.0.0.1:99999", "[::1:1", "\ufffd"]
)
def test_a_client_whose_upstream_cannot_be_dialled_is_closed(
    engine: Engine, upstream_: str
) -> None:
    """Such an upstream is accepted, as in Toxiproxy; its clients do not wait."""
    body = {"name": "a", "listen": "127.0.0.1:0", "upstream": upstream_}
    listen = engine.call("POST", "/proxies", body, expect=201)["listen"]
    host, _, port = listen.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        assert client.recv(1) == b""
    (record,) = engine.call("GET", "/chaoslab/connections?proxy=a")["connections"][-1:]
    assert record["end"] in ("upstream_unreachable", "upstream_refused")
    engine.call("DELETE", "/proxies/a", expect=204)


@pytest.mark.parametrize("since", ["²", "9" * 5000, "-1", "x"])
def test_a_wrong_connection_id_is_400(engine: Engine, since: str) -> None:
    """Digits of other scripts and very long numbers are not ids."""
    answer = engine.http.get("/chaoslab/connections", params={"since": since})
    assert (answer.status_code, len(answer.text) < 300) == (400, True)


# --- hosts and browsers ---


def asked(engine: Engine, **headers: str) -> int:
    """The status of GET /version with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return engine.http.get("/version", headers=named).status_code


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8474", "127.0.0.1", "127.9.9.9:1", "[::1]:8474", "x.localhost"]
)
def test_a_loopback_name_is_served(engine: Engine, host: str) -> None:
    """With any port, because the port may be mapped."""
    assert asked(engine, Host=host) == 200
    assert asked(engine, Origin=f"http://{host}") == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8474", "localhost.evil.example", "10.0.0.1", "", "[::1",
             "127.0.0.1.evil.example", "x@evil.example", "toxiproxy:8474"],
)  # fmt: skip
def test_any_other_name_is_refused(engine: Engine, host: str) -> None:
    """A web page with a name that resolves to loopback can neither read nor change anything."""
    assert asked(engine, Host=host) == 403
    assert asked(engine, Origin=f"https://{host}") == 403
    body = {"name": "evil", "listen": "127.0.0.1:0", "upstream": "x"}
    assert engine.http.post("/proxies", json=body, headers={"Host": host}).status_code == 403
    assert "evil" not in engine.call("GET", "/proxies")


@pytest.mark.parametrize(
    "headers",
    [
        {"User_Agent": "Mozilla/5.0"},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Dest": "document"},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
    ],
    ids=str,
)
def test_a_browser_is_refused_in_any_case(engine: Engine, headers: dict[str, str]) -> None:
    """By the headers that only browsers send, whatever its Host is."""
    assert asked(engine, **headers) == 403


def test_a_fetch_outside_of_a_browser_is_served(engine: Engine) -> None:
    """Node's fetch sends one of those headers."""
    assert asked(engine, User_Agent="node", Sec_Fetch_Mode="cors") == 200


def test_more_names_are_allowed_by_option() -> None:
    """For example the name of a service on a network of containers."""
    with running_engine("--allow-host", "toxiproxy", "--allow-host=Lab.Example") as engine:
        assert asked(engine, Host="toxiproxy:8474") == 200
        assert asked(engine, Host="lab.example") == 200
        assert asked(engine, Host="evil.example") == 403
    with running_engine("--allow-host", "*") as engine:
        assert asked(engine, Host="anything.example") == 200
        assert asked(engine, Host="anything.example", Sec_Fetch_Site="none") == 403


def test_the_address_that_was_connected_to_is_served() -> None:
    """An engine that listens on all interfaces can be reached by each of its addresses."""
    host_check = HostCheck("0.0.0.0")

    def refused(host: str, reached: str) -> bool:
        request = Request(
            method="GET",
            path="/",
            query="",
            headers={"host": host},
            body=b"",
            local_address=reached,
        )
        return host_check.refusal(request) is not None

    assert not refused("172.18.0.2:8474", "172.18.0.2")
    assert not refused("172.18.0.2:8474", "::ffff:172.18.0.2")
    assert not refused("[fd00::2]:8474", "fd00::2")
    assert refused("172.18.0.3:8474", "172.18.0.2")


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("", True)],
)
def test_an_api_that_other_machines_can_reach_prints_a_warning(host: str, warns: bool) -> None:
    """On stderr, when it listens; stdout has only the one line."""
    assert is_loopback(host) != warns
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    command = [sys.executable, "-m", "chaoslab.engine", f"--host={host}", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=PATIENCE_S)
    if host == "::1" and not line:
        pytest.skip("no IPv6 loopback here")
    assert "listening" in json.loads(line)
    assert ("warning: the API listens on" in errors) == warns


# --- ids ---


def test_each_answer_of_a_route_has_an_id(engine: Engine) -> None:
    """Twenty characters, unique, in order; as in Toxiproxy, not for an unknown path."""
    paths = ["/version", "/proxies", "/proxies/nope", "/chaoslab"]
    ids = [engine.http.get(path).headers["X-Toxiproxy-Request-Id"] for path in paths]
    assert all(re.fullmatch("[0-9a-v]{20}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert "X-Toxiproxy-Request-Id" not in engine.http.get("/nope").headers
    assert "X-Toxiproxy-Request-Id" not in engine.http.put("/version").headers


def test_after_all_wrong_requests_a_proxy_still_forwards(
    engine: Engine, echo_server: Address
) -> None:
    """The engine of all tests above still works."""
    proxy: Proxy = engine.proxy(echo_server)
    with proxy.dial() as client:
        client.sendall(b"x")
        assert read_exactly(client, 1) == b"x"
