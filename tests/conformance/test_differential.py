"""Random sequences of API calls sent to both servers, answer by answer the same.

Free ports are chosen by each server, so listen addresses are not compared (test_proxies_api does).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chaoslab.seeds import generator

from .api import Api
from .arms import EMBEDDED, TOXIPROXY, running, toxiproxy_binary
from .conftest import NO_TOXIPROXY

SEEDS = range(16)
CALLS = 40
NAMES = ("a", "b", "c d")
TOXIC_NAMES = ("latency_downstream", "t", "x y", "noop_upstream", "")
# slicer is left out: with size 0 it kills the real server at its first chunk.
TYPES = ("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "limit_data", "noop")
ATTRIBUTES = ("latency", "jitter", "rate", "delay", "timeout", "bytes", "Bytes", "bogus")
ADDRESS = re.compile(r"(127\.0\.0\.1|\[::\]):(?!0\b|1\b)\d+")

# Why Go's decoder refused a body is told with names out of Toxiproxy's source.
UNREADABLE = re.compile(r'(bad request body: (json|invalid)\b)(\\.|[^"\\])*')

Call = tuple[str, str, str | None]
PAIR = [{"name": name, "upstream": "x", "listen": "127.0.0.1:0"} for name in NAMES[:2]]
START: Call = ("POST", "/populate", json.dumps(PAIR))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Api]]:
    """The API of each server, each a process of this module's own."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    logs: Path = tmp_path_factory.mktemp("both")
    with running(EMBEDDED, logs / "engine") as one, running(TOXIPROXY, logs / "toxiproxy") as two:
        options = {"timeout": 5.0, "trust_env": False}
        with (
            httpx.Client(base_url=one.url, **options) as first,  # type: ignore[arg-type]
            httpx.Client(base_url=two.url, **options) as second,  # type: ignore[arg-type]
        ):
            yield {EMBEDDED: Api(first), TOXIPROXY: Api(second)}


@pytest.mark.parametrize("seed", SEEDS)
def test_both_servers_give_the_same_answers(both: dict[str, Api], seed: int) -> None:
    """Forty calls from nothing: statuses, bodies and error texts are alike after every one."""
    for api in both.values():
        for name in api.get("/proxies").fields:
            assert api.delete(f"/proxies/{name}").status == 204
    draw = generator(seed, "differential")
    done: list[Call] = []
    for n in range(CALLS):
        call = _call(draw) if n else START
        done.append(call)
        answers = {name: _told(api, call) for name, api in both.items()}
        assert answers[EMBEDDED] == answers[TOXIPROXY], _replay(done)


def _told(api: Api, call: Call) -> tuple[int, str]:
    """Status and body, without what may differ: addresses, and the decoder's exact words."""
    method, path, body = call
    answer = api.request(method, path, raw=body)
    text = json.dumps(answer.body, sort_keys=True) if answer.body is not None else answer.text
    text = UNREADABLE.sub(r"\1", text)
    return answer.status, ADDRESS.sub("<address>", text).strip()


def _call(draw: random.Random) -> Call:
    name = draw.choice(NAMES)
    toxic = draw.choice([one for one in TOXIC_NAMES if one])
    base = f"/proxies/{name}"
    kind = draw.choices(
        ["create", "populate", "reset", "list", "proxy", "change", "remove", "add", "toxics",
         "toxic", "alter", "heal"],
        [6, 2, 1, 3, 2, 5, 1, 10, 3, 2, 6, 2],
    )[0]  # fmt: skip
    calls: dict[str, Call] = {
        "create": ("POST", "/proxies", _proxy(draw)),
        "populate": ("POST", "/populate", f"[{_proxy(draw)},{_proxy(draw)}]"),
        "reset": ("POST", "/reset", None),
        "list": ("GET", "/proxies", None),
        "proxy": ("GET", base, None),
        "change": (draw.choice(["POST", "PATCH"]), base, _proxy(draw)),
        "remove": ("DELETE", base, None),
        "add": ("POST", f"{base}/toxics", _toxic(draw)),
        "toxics": ("GET", f"{base}/toxics", None),
        "toxic": ("GET", f"{base}/toxics/{toxic}", None),
        "alter": (draw.choice(["POST", "PATCH"]), f"{base}/toxics/{toxic}", _toxic(draw)),
        "heal": ("DELETE", f"{base}/toxics/{toxic}", None),
    }
    return calls[kind]


def _some(draw: random.Random, **fields: list[object]) -> dict[str, object]:
    """A body with each field present three times out of four."""
    return {key: draw.choice(values) for key, values in fields.items() if draw.random() < 0.75}


def _proxy(draw: random.Random) -> str:
    body = _some(
        draw,
        name=[*NAMES, *NAMES, "", 5, None],
        upstream=["127.0.0.1:1", "127.0.0.1:1", "x", "", None, 7],
        listen=["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "nonsense", "", "127.0.0.1:99999"],
        enabled=[True, True, False, None, "yes"],
    )
    return _spoiled(draw, body)


def _toxic(draw: random.Random) -> str:
    # One wrong attribute at most: of two, Toxiproxy keeps what it read before the wrong one.
    attributes = {draw.choice(ATTRIBUTES): draw.choice([0, 5, -3, 250])}
    wrong = {draw.choice(ATTRIBUTES[:6]): draw.choice(["x", 1.5, 2.0, True, [], {}])}
    body = _some(
        draw,
        type=[*TYPES, "nope", None, 5],
        name=[*TOXIC_NAMES, None, 5],
        stream=["upstream", "downstream", "UPSTREAM", "sideways", "", None],
        toxicity=[1, 0.5, 0, 0.1, 3, -1, None, "x"],
        attributes=[attributes, attributes, attributes, {}, None, wrong, 5],
    )
    return _spoiled(draw, body)


def _spoiled(draw: random.Random, body: dict[str, object]) -> str:
    """The body as JSON; one in thirty is cut short."""
    text = json.dumps(body)
    return text[: draw.randrange(len(text))] if draw.random() < 1 / 30 else text


def _replay(done: list[Call]) -> str:
    return "after:\n" + "\n".join(f"  {method} {path} {body}" for method, path, body in done)
