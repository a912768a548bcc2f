"""The lab's own questions: one at a time on a path, no sooner than the app bears, and counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from chaoslab.expectations import AnswersInTime, StaysLive
from chaoslab.history.events import Exited, QuestionsAsked
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.probes.questions import Questions
from chaoslab.probes.watch import Watch

from .rig import PATIENCE_S, Here, Reply, server, watching

EVERY = HealthContract(
    live_path="/live", ready_path="/ready", startup_path="/startup", prober_timeout_s=0.2
)
PLAN = Plan(
    sampling=Sampling(cadence_s=0.02, fast_s=0.02, prober_cadence_s=0.02, timeout_s=0.2),
    expect=(StaysLive(app="app"), AnswersInTime(app="app")),
)


class Counting:
    """A server that keeps each question for `took_s`, and counts those that it has at once."""

    def __init__(self, took_s: float) -> None:
        self.took_s, self.sent_s = took_s, dict[str, list[float]]()
        self.open, self.most = Counter[str](), Counter[str]()

    async def answer(self, method: str, path: str, body: bytes) -> Reply:
        self.sent_s.setdefault(path, []).append(asyncio.get_running_loop().time())
        self.open[path] += 1
        self.most[path] = max(self.most[path], self.open[path])
        self.most["all"] = max(self.most["all"], self.open.total())
        await asyncio.sleep(self.took_s)
        self.open[path] -= 1
        return 503, {"status": "healthy", "startup_complete": False}


async def watched_for(
    folder: Path, asked: Counting, paths: HealthContract, seconds: float
) -> QuestionsAsked:
    """What the watch of an app that is asked on every path writes of its questions."""
    async with server(asked.answer) as port, watching(folder, Here(port), paths) as watched:
        questions = Questions(paths.period_s or 0.0)
        watch = Watch(replace(watched, questions=questions), PLAN, {}, None)
        await asyncio.sleep(seconds)
        async with asyncio.timeout(PATIENCE_S):
            await watch.end()
        counts = list(watched.journal.history.of(QuestionsAsked))
        assert watched.journal.history.first(Exited) is not None
    assert len(counts) == 1
    return counts[0]


async def test_no_path_has_two_questions_at_once(tmp_path: Path) -> None:
    """Health, liveness, readiness and start-up, asked by four probes, of an app that is slow."""
    asked = Counting(took_s=0.1)
    await watched_for(tmp_path, asked, EVERY, 1.0)
    assert {n for path, n in asked.most.items() if path != "all"} == {1}
    assert set(asked.sent_s) == {"/health", "/live", "/ready", "/startup"}


async def test_one_path_for_everything_has_one_question_at_once(tmp_path: Path) -> None:
    """Who asks, and for what, makes no difference to the app."""
    one = HealthContract(live_path="/health", ready_path="/health", startup_path="/health")
    asked = Counting(took_s=0.05)
    told = await watched_for(tmp_path, asked, one, 0.8)
    assert asked.most["/health"] == 1
    assert told.most_under_way == 1


async def test_how_many_were_asked_and_how_many_were_under_way_is_written_down(
    tmp_path: Path,
) -> None:
    """As the app saw it."""
    asked = Counting(took_s=0.1)
    told = await watched_for(tmp_path, asked, EVERY, 1.0)
    assert (told.app, told.boot) == ("app", 1)
    assert told.asked == {path: len(times) for path, times in asked.sent_s.items()}
    assert 1 < asked.most["all"] <= told.most_under_way <= len(told.asked)


async def test_no_path_is_asked_more_often_than_the_app_bears(tmp_path: Path) -> None:
    """Not even while its start-up is awaited; and the end waits for no period."""
    begun_s = asyncio.get_running_loop().time()
    asked = Counting(took_s=0.0)
    await watched_for(tmp_path, asked, replace(EVERY, period_s=0.4), 1.0)
    assert asyncio.get_running_loop().time() - begun_s < 5.0
    for times in asked.sent_s.values():
        assert all(b - a > 0.35 for a, b in pairwise(times))  # sent 0.4 s apart
    assert len(asked.sent_s["/health"]) > 1


@pytest.mark.parametrize("ended", [True, False])
async def test_a_question_that_waits_for_its_period_is_not_asked_after_the_end(ended: bool) -> None:
    """The last one would be one too soon."""
    questions = Questions(0.2)
    async with questions.one("/health") as mine:
        assert mine
    if ended:
        questions.end()
    async with questions.one("/health") as mine:
        assert mine is not ended
    assert questions.asked["/health"] == (1 if ended else 2)


async def test_a_pause_waits_for_what_is_under_way_and_lets_nothing_more_through() -> None:
    """A run ends on answers: what was under way may say another thing than the last."""
    questions, told = Questions(), list[str]()

    async def ask(name: str, seconds: float) -> None:
        async with questions.one(f"/{name}") as mine:
            await asyncio.sleep(seconds)
            told.append(f"{name} {mine}")

    first = asyncio.create_task(ask("first", 0.1))
    await asyncio.sleep(0)
    await questions.pause()
    assert told == ["first True"]
    second = asyncio.create_task(ask("second", 0.0))
    await asyncio.sleep(0.05)
    assert len(told) == 1
    questions.go_on()
    await asyncio.gather(first, second)
    assert told == ["first True", "second True"]
    await questions.pause()
    third = asyncio.create_task(ask("third", 0.0))
    await asyncio.sleep(0)
    questions.end()
    await third
    assert told[-1] == "third False", "the run ended on the answers before it"
