"""Random sequences of API calls sent to both servers, answer by answer the same.

Free ports are chosen by each server, so listen addresses are not compared (test_proxies_api does).
"""

from __future__ import annotations

import json
import random
import re

import pytest

from chaoslab.seeds import generator

from .api import Api
from .arms import EMBEDDED, TOXIPROXY

# Seeds of former disagreements: "" as a listen address beside a proxy that has none (1774, 2390),
# a body that ends behind a decimal point (1802).
FOUND = (1774, 1802, 2390)
SEEDS = (*range(16), *FOUND)
UNSTARTABLE = ("nonsense", "127.0.0.1:99999")
CALLS = 40
NAMES = ("a", "b", "c d")
TOXIC_NAMES = ("latency_downstream", "t", "x y", "noop_upstream", "")
# slicer is left out: with size 0 it kills the real server at its first chunk.
TYPES = ("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "limit_data", "noop")
ATTRIBUTES = ("latency", "jitter", "rate", "delay", "timeout", "bytes", "Bytes", "bogus")
TAKEN = "bind: address already in use"
ADDRESS = re.compile(r"(127\.0\.0\.1|\[::\]):(?!0\b|1\b)\d+")
# Why a body cannot be read is told in each server's own words.
WHY_UNREADABLE = re.compile(r'(bad request body: )(?:\\.|[^"\\])*')

Call = tuple[str, str, str | None]
PAIR = [{"name": name, "upstream": "x", "listen": "127.0.0.1:0"} for name in NAMES[:2]]
RESET: Call = ("POST", "/reset", None)
START: Call = ("POST", "/populate", json.dumps(PAIR))


@pytest.mark.parametrize("seed", SEEDS)
def test_both_servers_give_the_same_answers(both: dict[str, Api], seed: int) -> None:
    """Forty calls from nothing: statuses and bodies are alike after every one."""
    draw = generator(seed, "differential")
    done: list[Call] = []
    for n in range(CALLS):
        call = _call(draw) if n else START
        if call == RESET and _unstartable(both[EMBEDDED]):
            continue
        done.append(call)
        answers = {name: _told(api, call) for name, api in both.items()}
        if any(TAKEN in text for *_, text in answers.values()):
            return  # the kernel gave a disabled proxy's port to someone else: nobody's difference
        assert answers[EMBEDDED] == answers[TOXIPROXY], _replay(done)


def _unstartable(api: Api) -> bool:
    """Whether a reset would fail half-way: which half, Toxiproxy leaves to the order of a map."""
    proxies = api.get("/proxies").fields.values()
    return any(isinstance(one, dict) and one["listen"] in UNSTARTABLE for one in proxies)


def _told(api: Api, call: Call) -> tuple[int, str, str, str]:
    """Status with its words, media type and body, without the addresses that each one chose."""
    method, path, body = call
    answer = api.request(method, path, raw=body)
    text = json.dumps(answer.body, sort_keys=True) if answer.body is not None else answer.text
    text = WHY_UNREADABLE.sub(r"\1<why>", ADDRESS.sub("<address>", text).strip())
    return answer.status, answer.reason, answer.content_type, text


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
        "reset": RESET,
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
