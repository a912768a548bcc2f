"""The adapter against servers that misbehave: nothing counts as injected that is not there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
import toxiproxy.api
from toxiproxy.server import Toxiproxy

from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed
from chaoslab.model.actions import Action, AddToxic, Disable
from chaoslab.proxies import strict_http
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl

from .misbehaving import PROXY, SILENCE, Misbehaving

LATENCY = AddToxic(
    proxy="db", name="late", type="latency", stream="downstream", attributes={"latency": 100}
)
SHOWN = {
    "name": "late",
    "type": "latency",
    "stream": "downstream",
    "toxicity": 1.0,
    "attributes": {"latency": 100, "jitter": 0},
}
ADD = ("POST", "/proxies/db/toxics")
READ = ("GET", "/proxies/db/toxics")


def test_the_unmodified_client_loses_a_fault_silently_when_the_server_answers_500(
    broken: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for the adapter: no error, and no toxic either."""
    broken.answers[ADD] = (500, {"error": "boom"})
    monkeypatch.setattr(toxiproxy.api.APIConsumer, "port", broken.port)
    proxy = Toxiproxy().get_proxy("db")
    assert proxy.add_toxic(name="late", type="latency", attributes={"latency": 100}) is None
    assert proxy.toxics() == {}


async def test_a_500_on_adding_a_toxic_is_an_error_that_quotes_the_server(
    broken: Misbehaving, of_broken: ToxiproxyControl
) -> None:
    """The same answer, through the adapter."""
    broken.answers[ADD] = (500, {"error": "boom"})
    with pytest.raises(InjectionFailed, match=r"POST .*/proxies/db/toxics.* 500 .*boom"):
        await of_broken.apply(LATENCY)


async def test_a_toxic_that_is_shown_as_asked_is_injected(
    broken: Misbehaving, of_broken: ToxiproxyControl
) -> None:
    """The read-back accepts attributes that the server adds by itself."""
    broken.answers[READ] = (200, [SHOWN])
    await of_broken.apply(LATENCY)
    assert broken.requests[-1] == READ


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [SHOWN | {"name": "other"}],
        [SHOWN | {"toxicity": 0.5}],
        [SHOWN | {"stream": "upstream"}],
        [SHOWN | {"type": "noop"}],
        [SHOWN | {"attributes": {"latency": 99}}],
        [SHOWN | {"attributes": {}}],
    ],
    ids=["absent", "name", "toxicity", "stream", "type", "attribute", "no attribute"],
)
async def test_a_toxic_that_cannot_be_read_back_was_not_injected(
    broken: Misbehaving, of_broken: ToxiproxyControl, shown: list[dict[str, Any]]
) -> None:
    """Whatever the server answered to the injection itself."""
    broken.answers[ADD] = (200, SHOWN)
    broken.answers[READ] = (200, shown)
    with pytest.raises(InjectionFailed, match=r"late on db cannot be read back: not injected"):
        await of_broken.apply(LATENCY)


async def test_a_toxic_that_stays_is_not_healed(
    broken: Misbehaving, of_broken: ToxiproxyControl
) -> None:
    """The server answers 204 and keeps it."""
    broken.answers[READ] = (200, [SHOWN])
    broken.answers["DELETE", "/proxies/db/toxics/late"] = (204, "")
    with pytest.raises(InjectionFailed, match=r"late on db is still there"):
        await of_broken.undo(LATENCY)


@pytest.mark.parametrize("verb", ["apply", "undo"])
async def test_an_enabled_flag_that_did_not_flip_is_an_error(
    broken: Misbehaving, of_broken: ToxiproxyControl, verb: str
) -> None:
    """The client flips its own flag whatever the server did; the server's counts."""
    broken.answers["GET", "/proxies"] = (200, {"db": PROXY | {"enabled": verb == "apply"}})
    with pytest.raises(
        InjectionFailed, match=rf"proxy db is not .*\n  expected enabled={verb != 'apply'}, got"
    ):
        await getattr(of_broken, verb)(Disable(proxy="db"))


@pytest.mark.parametrize("status", [400, 404, 409, 418, 500, 503])
@pytest.mark.parametrize("action", [LATENCY, Disable(proxy="db")], ids=["toxic", "disable"])
async def test_every_refusal_is_an_error(
    broken: Misbehaving, of_broken: ToxiproxyControl, status: int, action: Action
) -> None:
    """Those that the client raises for, and those that it overlooks."""
    path = "/proxies/db/toxics" if isinstance(action, AddToxic) else "/proxies/db"
    broken.answers["POST", path] = (status, {"error": "because"})
    with pytest.raises(InjectionFailed, match="because"):
        await of_broken.apply(action)


@pytest.mark.parametrize(
    "body",
    ["<html>nope</html>", "[]", "7", '{"db": 7}', '{"db": {"name": "db"}}', "null", ""],
)
async def test_an_answer_of_another_shape_is_an_error_of_the_server_not_a_traceback(
    broken: Misbehaving, of_broken: ToxiproxyControl, body: str
) -> None:
    """Something else listens on that port."""
    broken.answers["GET", "/proxies"] = (200, body)
    with pytest.raises(InjectionFailed, match=rf"127\.0\.0\.1:{broken.port}"):
        await of_broken.apply(LATENCY)


async def test_a_silent_server_is_given_up_in_time(
    broken: Misbehaving, of_broken: ToxiproxyControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client alone would wait for ever."""
    monkeypatch.setattr(strict_http, "REQUEST_TIMEOUT_S", 0.2)
    broken.answers[ADD] = (200, SILENCE)
    begun_s = now_s()
    with pytest.raises(InjectionFailed, match=r"[Rr]ead timed out"):
        await of_broken.apply(LATENCY)
    # 0.2 s were asked for; the rest is a busy machine
    assert 0.19 <= now_s() - begun_s < 4.0


async def test_a_server_that_never_answers_is_not_connected_to(broken: Misbehaving) -> None:
    """connect() tries until its time is over, and its error has the last cause."""
    broken.answers["GET", "/version"] = (500, "starting")
    control = ToxiproxyControl("127.0.0.1", broken.port)
    begun_s = now_s()
    with pytest.raises(InjectionFailed, match="500 starting"):
        await control.connect(2.0)
    await control.close()
    assert 2.0 <= now_s() - begun_s < 5.0  # the rest is a busy machine
    assert len(broken.requests) > 2


async def test_a_server_without_the_engines_api_is_no_engine(broken: Misbehaving) -> None:
    """A Toxiproxy in the embedded engine's place is found out at once."""
    broken.answers["GET", "/chaoslab"] = (404, "404 page not found")
    control = EmbeddedControl("127.0.0.1", broken.port)
    with pytest.raises(InjectionFailed, match="404 page not found"):
        await control.connect(0.2)
    await control.close()


async def test_work_that_was_given_up_never_comes_after_what_was_asked_later(
    broken: Misbehaving, of_broken: ToxiproxyControl
) -> None:
    """A heal that follows a cancelled injection is the last word: calls keep their order."""
    order: list[str] = []

    def slow() -> None:
        order.append("slow begins")
        broken.never.wait(0.2)
        order.append("slow ends")

    tasks = [asyncio.create_task(of_broken._call(slow))]
    tasks += [
        asyncio.create_task(of_broken._call(lambda n=n: order.append(f"apply {n}")))
        for n in range(8)
    ]
    async with asyncio.timeout(5.0):
        while not order:  # noqa: ASYNC110 - they are on their way, and the first one stands in it
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await of_broken._call(lambda: order.append("heal"))
    await asyncio.gather(*tasks, return_exceptions=True)
    begun = [word for word in order if word.startswith("apply")]
    assert order == ["slow begins", "slow ends", *begun, "heal"]
    assert begun == sorted(begun)


async def test_the_client_is_left_as_it_was_found(of_broken: ToxiproxyControl) -> None:
    """Other users of toxiproxy-python in the same process keep their own HTTP module."""
    await of_broken.connect(2.0)
    assert toxiproxy.api.requests is requests
