"""Looks for jobs while a run goes on: what is recorded, and when the looks end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab.history.events import Delivered, ReadBack, Request
from chaoslab.history.journal import Journal
from chaoslab.model.requests import Found, RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.deliveries import Deliveries
from chaoslab.probes.jobs import Jobs
from chaoslab.probes.read_back import Find, Look
from chaoslab.services.base import TalkFailed

from .rig import Here, until, watching

APP = App(name="app", command=("app",))
MAIL = RequestContract(
    name="mail", kind="job", path="/mails/{id}", found=Found(service="redis", key="mailed")
)


class Mailbox:
    """A place where jobs come, which may give no answer."""

    def __init__(self) -> None:
        self.there: Counter[str] = Counter()
        self.unclear: frozenset[str] = frozenset()
        self.asked: list[tuple[str, ...]] = []
        self.answers = True
        self.looks = asyncio.Semaphore(0)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Find]:
        yield self.find

    async def find(self, ops: Sequence[str]) -> Look:
        self.looks.release()
        if not self.answers:
            raise TalkFailed("it does not answer")
        self.asked.append(tuple(ops))
        found = {op: self.there[op] for op in ops if op in self.there}
        return Look(often=found, unclear=self.unclear & set(ops) - found.keys())


def sent(journal: Journal, op: str, outcome: str = "ok") -> None:
    """A job that a load sent just now."""
    job = Request(at_s=journal.now(), app="app", op=op, outcome="ok", took_s=0.0, request="mail")
    journal.append(replace(job, outcome=outcome))  # type: ignore[arg-type]


def looks(
    box: Mailbox, journal: Journal, over: asyncio.Event, mail: RequestContract = MAIL
) -> asyncio.Task[None]:
    return asyncio.create_task(Deliveries(Jobs(APP, mail, 0.5, journal), box.opened).run(over))


async def looked(box: Mailbox, times: int) -> None:
    """Wait for so many looks."""
    async with asyncio.timeout(20.0):
        for _ in range(times):
            await box.looks.acquire()


async def test_a_job_is_recorded_once_with_the_look_before(tmp_path: Path) -> None:
    """It came between the two."""
    box, over = Mailbox(), asyncio.Event()
    async with watching(tmp_path, Here(1)) as watched:
        journal = watched.journal
        sent(journal, "a")
        work = looks(box, journal, over)
        await looked(box, 1)
        came_s = journal.now()
        box.there["a"] = 1
        seen = await until(journal, lambda e: isinstance(e, Delivered))
        assert isinstance(seen, Delivered)
        assert (seen.op, seen.request, seen.times) == ("a", "mail", 1)
        assert seen.not_before_s <= came_s <= seen.at_s
        over.set()
        await work
        assert [*journal.history.of(Delivered)] == [seen]
        (last,) = journal.history.of(ReadBack)
        assert (last.request, last.service, last.found) == ("mail", "redis", ("a",))


async def test_the_last_look_counts_every_job_also_those_without_an_answer(tmp_path: Path) -> None:
    """The app may have done twice what it did not acknowledge."""
    box, over = Mailbox(), asyncio.Event()
    box.there.update({"a": 1, "b": 2})
    async with watching(tmp_path, Here(1)) as watched:
        sent(watched.journal, "a")
        sent(watched.journal, "b", "indeterminate")
        over.set()
        await looks(box, watched.journal, over)
        (last,) = watched.journal.history.of(ReadBack)
        (seen,) = watched.journal.history.of(Delivered)
    assert (set(last.found), dict(last.repeated or {}), seen.op) == ({"a", "b"}, {"b": 2}, "a")


async def test_the_looks_end_when_the_time_of_the_last_job_is_over(tmp_path: Path) -> None:
    """A job that never comes is missing then, and not before."""
    box, over = Mailbox(), asyncio.Event()
    async with watching(tmp_path, Here(1)) as watched:
        sent(watched.journal, "a")
        sent_s = watched.journal.now()
        over.set()
        await looks(box, watched.journal, over)
        (last,) = watched.journal.history.of(ReadBack)
    assert (last.found, last.missing) == ((), ("a",))
    assert last.at_s > sent_s + 0.4


async def test_a_server_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    """A fault may have stopped it. Only at the end it is an error of the probe."""
    box, over = Mailbox(), asyncio.Event()
    box.answers = False
    async with watching(tmp_path, Here(1)) as watched:
        sent(watched.journal, "a")
        work = looks(box, watched.journal, over)
        await looked(box, 1)
        box.there["a"], box.answers = 1, True
        seen = await until(watched.journal, lambda e: isinstance(e, Delivered))
        assert isinstance(seen, Delivered)
        box.answers = False
        over.set()
        with pytest.raises(TalkFailed):
            await work


async def test_a_job_of_which_the_app_says_nothing_is_neither_found_nor_missing(
    tmp_path: Path,
) -> None:
    """The time of the look before is not moved by it."""
    box, over = Mailbox(), asyncio.Event()
    mail = replace(MAIL, found=Found(request="seen"))
    async with watching(tmp_path, Here(1)) as watched:
        sent(watched.journal, "a")
        sent_s = watched.journal.now()
        box.unclear = frozenset({"a"})
        work = looks(box, watched.journal, over, mail)
        await looked(box, 2)
        box.there["a"] = 1
        seen = await until(watched.journal, lambda e: isinstance(e, Delivered))
        assert isinstance(seen, Delivered)
        assert seen.not_before_s <= sent_s
        over.set()
        await work


async def test_the_app_is_asked_for_a_few_jobs_at_a_time(tmp_path: Path) -> None:
    """For those first that it was not asked about for the longest time."""
    box, over = Mailbox(), asyncio.Event()
    ops = [f"{n:02}" for n in range(25)]
    async with watching(tmp_path, Here(1)) as watched:
        for op in ops:
            sent(watched.journal, op)
        work = looks(box, watched.journal, over, replace(MAIL, found=Found(request="seen")))
        await looked(box, 3)
        work.cancel()
    assert [len(asked) for asked in box.asked[:3]] == [10, 10, 10]
    assert set(ops) <= {op for asked in box.asked[:3] for op in asked}


async def test_without_an_acknowledged_job_nothing_is_looked_up(tmp_path: Path) -> None:
    """The app may not have created its table."""
    box, over = Mailbox(), asyncio.Event()
    box.answers = False
    async with watching(tmp_path, Here(1)) as watched:
        sent(watched.journal, "a", "failed")
        over.set()
        await looks(box, watched.journal, over)
        assert [*watched.journal.history.of(ReadBack)] == []
