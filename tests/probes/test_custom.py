"""Probes and steps of the scenario's own: what is called, how, and what is written down."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from chaoslab.history.events import OwnSample
from chaoslab.history.journal import Journal
from chaoslab.model.load import Sampling
from chaoslab.model.steps import HttpQuestion, Probe, Scene
from chaoslab.probes.callables import CallFailed, called, recordable
from chaoslab.probes.custom import CustomProbe

from .rig import Reply, server


class NoScene:
    """Knows one address."""

    def url(self, app: str = "") -> str:
        return f"http://{app or 'only'}"


SCENE: Scene = NoScene()


async def sampled(folder: Path, probe: Probe, count: int = 1) -> list[OwnSample]:
    """So many samples of a probe that asks no app."""
    journal, over = Journal(folder / "history.jsonl"), asyncio.Event()
    own = CustomProbe(probe, SCENE, lambda _: None, Sampling(), journal)
    task = asyncio.create_task(own.run(over))
    await journal.wait_for(lambda events: events[-1] if len(events) >= count else None, 10)
    over.set()
    await task
    journal.close()
    return list(journal.history.of(OwnSample))[:count]


def probe_of(port: int, **given: object) -> Probe:
    http = HttpQuestion(path="/pay", url=f"http://127.0.0.1:{port}", **given)  # type: ignore[arg-type]
    return Probe(name="pay", every_s=0.01, timeout_s=0.2, http=http)


async def test_a_request_is_ok_by_its_status_and_keeps_the_beginning_of_its_answer(
    tmp_path: Path,
) -> None:
    """Any 2xx, or those that are named."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 402, f"{method} {path} {body.decode()} " + "x" * 999

    async with server(answer) as port:
        (bad,) = await sampled(tmp_path, probe_of(port))
        good = probe_of(port, status=(402,), method="POST", body='{"sum": 1}')
        (paid,) = await sampled(tmp_path, good)
    assert (bad.ok, bad.status_code) == (False, 402)
    assert (paid.ok, paid.status_code) == (True, 402)
    assert str(paid.value).startswith('POST /pay {"sum": 1} xxx')
    assert len(str(paid.value)) <= 200


async def test_a_request_without_an_answer_is_not_ok_and_has_a_cause(tmp_path: Path) -> None:
    """Silence ends with the time-out, a closed port at once."""

    async def silent(*_: object) -> None:
        return None

    async with server(silent) as port:
        (late,) = await sampled(tmp_path, probe_of(port))
    (refused,) = await sampled(tmp_path, probe_of(port))
    assert (late.ok, late.error) == (False, "TimeoutError")
    assert late.took_s >= 0.2
    assert "ConnectError" in str(refused.error)


async def test_an_app_is_not_asked_before_it_was_spawned(tmp_path: Path) -> None:
    """There is nobody to ask, and nothing to hold against it."""
    journal, over = Journal(tmp_path / "history.jsonl"), asyncio.Event()
    probe = Probe(name="pay", every_s=0.01, http=HttpQuestion(path="/", app="backend"))
    asked = asyncio.Event()

    def newest(_: str) -> None:
        asked.set()

    task = asyncio.create_task(CustomProbe(probe, SCENE, newest, Sampling(), journal).run(over))
    await asyncio.wait_for(asked.wait(), 5)
    over.set()
    await task
    assert journal.history.events == ()


async def test_a_returned_value_is_recorded_and_false_is_not_ok(tmp_path: Path) -> None:
    """Numbers stay numbers, so that an expectation can judge by them."""
    answers = iter([7, 0.5, None, True, False, "text", [1, 2]])
    samples = await sampled(tmp_path, Probe(name="q", every_s=0.01, call=lambda: next(answers)), 7)
    assert [s.value for s in samples] == [7, 0.5, None, True, False, "text", "[1, 2]"]
    assert [s.ok for s in samples] == [True, True, True, True, False, True, True]


async def test_a_callable_that_raises_is_a_sample_that_is_not_ok(tmp_path: Path) -> None:
    """pytest's own failures too, which are no Exception."""

    def fails() -> None:
        pytest.fail("the queue is full")

    (sample,) = await sampled(tmp_path, Probe(name="q", every_s=0.01, call=fails))
    assert not sample.ok
    assert sample.error == "Failed: the queue is full"


async def test_a_function_runs_in_a_thread_and_a_coroutine_on_the_loop() -> None:
    """One that blocks must not stop the lab's own clock."""

    async def on_loop() -> threading.Thread:
        return threading.current_thread()

    here = threading.current_thread()
    assert await called(threading.current_thread, SCENE, 5) is not here
    assert await called(on_loop, SCENE, 5) is here


async def test_a_callable_with_a_parameter_gets_the_scene() -> None:
    """Another gets nothing."""
    assert await called(lambda scene: scene.url("shop"), SCENE, 5) == "http://shop"
    assert await called(lambda: "alone", SCENE, 5) == "alone"


async def test_what_takes_too_long_fails_and_is_left_behind() -> None:
    """Nothing can end a thread; the lab goes on."""
    release = threading.Event()
    try:
        with pytest.raises(CallFailed, match=r"did not end within 0\.05 s"):
            await called(lambda: release.wait(20), SCENE, 0.05)
    finally:
        release.set()


async def test_a_timeout_inside_a_callable_is_recorded_as_its_error() -> None:
    """It is not the lab's limit that passed."""

    def gives_up() -> None:
        raise TimeoutError("no answer from the queue")

    with pytest.raises(CallFailed, match="TimeoutError: no answer from the queue"):
        await called(gives_up, SCENE, 5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_a_value_that_json_cannot_hold_is_recorded_as_text(value: float) -> None:
    """A history must be readable everywhere."""
    assert isinstance(recordable(value), str)
