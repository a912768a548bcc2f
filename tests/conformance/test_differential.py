"""Random sequences of API calls to both servers; each answer must be the same.

Each server chooses its free ports, so listen addresses are not compared (test_proxies_api does).

"""

from __future__ import annotations

import json
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from rigs.examples import examples

from .api import Api
from .compared import NAMES, START, Call, Compared

CALLS = 40
TOXIC_NAMES = ("latency_downstream", "t", "x y", "noop_upstream")
# Without slicer: with size 0 it crashes the real server at the first chunk.
TYPES = ("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "limit_data", "noop")
ATTRIBUTES = ("latency", "jitter", "rate", "delay", "timeout", "bytes", "Bytes", "bogus")


def bodies(**fields: list[object]) -> st.SearchStrategy[dict[str, object]]:
    """Objects that have some of these fields, each with one of its values."""
    optional = {name: st.sampled_from(values) for name, values in fields.items()}
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def texts(draw: st.DrawFn, body: st.SearchStrategy[object]) -> str:
    """A body as JSON; one in thirty is cut short."""
    text = json.dumps(draw(body))
    return text[: draw(st.integers(0, len(text) - 1))] if draw(st.integers(1, 30)) == 30 else text


PROXY = bodies(
    name=[*NAMES, "", 5, None],
    upstream=["127.0.0.1:1", "x", "", None, 7],
    listen=["127.0.0.1:0", "127.0.0.1:0", "nonsense", "", "127.0.0.1:99999"],
    enabled=[True, True, False, None, "yes"],
)
# At most one attribute: Toxiproxy keeps those that it read before a wrong one.
RIGHT = st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from([0, 5, -3, 250]), max_size=1)
WRONG = st.dictionaries(
    st.sampled_from(ATTRIBUTES[:6]), st.sampled_from(["x", 1.5, 2.0, True, [], {}]), max_size=1
)
TOXIC = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*TYPES, "nope", None, 5]),
        "name": st.sampled_from([*TOXIC_NAMES, "", None, 5]),
        "stream": st.sampled_from(["upstream", "downstream", "UPSTREAM", "sideways", "", None]),
        "toxicity": st.sampled_from([1, 0.5, 0, 0.1, 3, -1, None, "x"]),
        "attributes": RIGHT | RIGHT | WRONG | st.sampled_from([None, 5]),
    },
)
AT_PROXY = st.sampled_from([f"/proxies/{name}" for name in NAMES])
AT_TOXIC = st.builds("{}/toxics/{}".format, AT_PROXY, st.sampled_from(TOXIC_NAMES))
UPDATE = st.sampled_from(["POST", "PATCH"])


class Session(RuleBasedStateMachine):
    """Whoever calls the API, and how: each rule is a kind of call."""

    def __init__(self, apis: dict[str, Api]) -> None:
        super().__init__()
        self.both = Compared(apis)

    @initialize()
    def start(self) -> None:
        self.both.call(*START)

    @rule(body=texts(PROXY))
    def create(self, body: str) -> None:
        self.both.call("POST", "/proxies", body)

    @rule(one=texts(PROXY), other=texts(PROXY))
    def populate(self, one: str, other: str) -> None:
        self.both.call("POST", "/populate", f"[{one},{other}]")

    @rule()
    def reset(self) -> None:
        if self.both.startable:
            self.both.call("POST", "/reset")

    @rule(path=st.just("/proxies") | AT_PROXY | AT_PROXY.map("{}/toxics".format) | AT_TOXIC)
    def read(self, path: str) -> None:
        self.both.call("GET", path)

    @rule(method=UPDATE, path=AT_PROXY, body=texts(PROXY))
    def change(self, method: str, path: str, body: str) -> None:
        self.both.call(method, path, body)

    @rule(path=AT_PROXY, body=texts(TOXIC))
    def add_toxic(self, path: str, body: str) -> None:
        self.both.call("POST", f"{path}/toxics", body)

    @rule(method=UPDATE, path=AT_TOXIC, body=texts(TOXIC))
    def change_toxic(self, method: str, path: str, body: str) -> None:
        self.both.call(method, path, body)

    @rule(path=AT_PROXY | AT_TOXIC | AT_TOXIC)
    def remove(self, path: str) -> None:
        self.both.call("DELETE", path)


def test_both_servers_give_the_same_answers(both: dict[str, Api]) -> None:
    """Forty calls from the same start: statuses and bodies are alike after every one."""
    run_state_machine_as_test(
        partial(Session, both), settings=settings(examples(25), stateful_step_count=CALLS)
    )


FOUND: dict[str, list[Call]] = {
    "an empty listen address beside a proxy that has none": [
        ("PATCH", "/proxies/b", '{"upstream": "x", "listen": "", "enabled": false}'),
        ("POST", "/populate", '[{"name": "a", "upstream": "x"},{"name": "b", "upstream": "x"}]'),
        ("GET", "/proxies", None),
    ],
    "a proxy without a listen address that then gets an empty one": [
        ("POST", "/populate", '[{"name": "a", "upstream": "x"}]'),
        ("POST", "/proxies", '{"name": "c d", "upstream": "127.0.0.1:1", "listen": ""}'),
        ("POST", "/reset", None),
        ("PATCH", "/proxies/a", '{"listen": "", "enabled": true}'),
        ("GET", "/proxies", None),
    ],
    "a body that ends behind a decimal point": [
        ("POST", "/proxies/b/toxics", '{"type": "latency", "stream": "", "toxicity": 0.'),
    ],
}


@pytest.mark.parametrize("calls", FOUND.values(), ids=FOUND)
def test_what_once_differed_is_the_same(both: dict[str, Api], calls: list[Call]) -> None:
    """Calls at which the two servers disagreed before."""
    compared = Compared(both)
    for call in (START, *calls):
        compared.call(*call)
