"""Fixtures of the conformance tests: the server under test, its API, and a proxied path."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
import pytest

from .api import Api
from .arms import ARMS, EMBEDDED, TOXIPROXY, Arm, running, toxiproxy_binary
from .wire import Pair, Service

NO_TOXIPROXY = (
    "no real Toxiproxy: put toxiproxy-server on PATH or name it in CHAOSLAB_TOXIPROXY_SERVER "
    "(scripts/install_toxiproxy.sh builds one where Go is found)"
)


@pytest.fixture(scope="session", params=ARMS)
def arm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    """A running server, once per session: the embedded engine, then a real Toxiproxy."""
    if request.param == TOXIPROXY and toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    with running(request.param, tmp_path_factory.mktemp("arm") / f"{request.param}.log") as started:
        yield started


@pytest.fixture(scope="session")
def http(arm: Arm) -> Iterator[httpx.Client]:
    """A client of the server's API, with a time-out for each request."""
    with httpx.Client(base_url=arm.url, timeout=5.0, trust_env=False) as client:
        yield client


@pytest.fixture
def api(http: httpx.Client) -> Iterator[Api]:
    """The server's API, without proxies before and after each test."""
    api = Api(http)
    yield api
    for name in api.get("/proxies").fields:
        assert api.delete(f"/proxies/{name}").status == 204


@pytest.fixture
def service() -> Iterator[Service]:
    """A new upstream."""
    with Service() as started:
        yield started


@pytest.fixture
def listen(api: Api, service: Service) -> str:
    """The address of the proxy `db` in front of the service."""
    body = {"name": "db", "listen": "127.0.0.1:0", "upstream": service.address}
    answer = api.post("/proxies", body)
    assert answer.status == 201, answer.text
    return str(answer.fields["listen"])


@pytest.fixture
def open_pair(service: Service, listen: str) -> Callable[[], Pair]:
    """Opens one more connection through the proxy `db`, with both its ends."""
    return lambda: service.pair(listen)


@pytest.fixture
def pair(open_pair: Callable[[], Pair]) -> Pair:
    """One connection through the proxy `db`, opened before the test adds a toxic.

    It has carried a byte each way. Toxiproxy starts the two directions of a connection only after
    it has connected to the upstream; a toxic that is added until then counts as older than the
    connection.
    """
    opened = open_pair()
    for stream in ("upstream", "downstream"):
        sender, receiver = opened.toward(stream)
        sender.send(b".")
        assert receiver.read_exactly(1).data == b"."
    return opened


@pytest.fixture(scope="session")
def both_arms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Arm]]:
    """Both servers at the same time, for tests that compare them step by step."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    logs = tmp_path_factory.mktemp("both")
    with running(EMBEDDED, logs / "engine") as one, running(TOXIPROXY, logs / "toxiproxy") as two:
        yield {EMBEDDED: one, TOXIPROXY: two}


@pytest.fixture(scope="session")
def both_apis(both_arms: dict[str, Arm]) -> Iterator[dict[str, Api]]:
    """The APIs of both servers, with the proxies of the last test."""
    with contextlib.ExitStack() as stack:
        yield {
            name: Api(
                stack.enter_context(httpx.Client(base_url=arm.url, timeout=8.0, trust_env=False))
            )
            for name, arm in both_arms.items()
        }


@pytest.fixture
def both(both_apis: dict[str, Api]) -> dict[str, Api]:
    """The APIs of both servers, without proxies."""
    for api in both_apis.values():
        for name in api.get("/proxies").fields:
            assert api.delete(f"/proxies/{quote(name)}").status == 204
    return both_apis
