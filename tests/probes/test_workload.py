"""Writes through the app: the outcome of each, their rate, and the look-up in the database."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from chaoslab.history.events import Request
from chaoslab.history.journal import read_history
from chaoslab.model.load import Load
from chaoslab.model.plan import Plan
from chaoslab.model.requests import GoodAnswer, RequestContract
from chaoslab.model.when import AtMoment, acknowledged
from chaoslab.probes.workload import Sender

from .rig import PATIENCE_S, WRITES, Here, Reply, assert_cadence, said, sent, server, watching

SEED = 7


async def written(folder: Path, reply: Reply | None) -> Request:
    """One write against a server that gives that reply."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        assert (method, path) == ("POST", "/things")
        return reply

    async with server(answer) as port, watching(folder, Here(port)) as watched:
        # only silence is waited for to its end
        write = await sent(Sender(watched, SEED), timeout_s=PATIENCE_S if reply else 0.3)
        assert watched.journal.history.events == (write,)
        return write


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ((201, {}), "ok"),
        ((200, "fine"), "ok"),
        ((204, ""), "ok"),
        ((503, {}), "failed"),
        ((404, {}), "failed"),
        ((409, {}), "failed"),
        ((500, {}), "indeterminate"),
        ((502, {}), "indeterminate"),
        ((504, {}), "indeterminate"),
        (None, "indeterminate"),
        ((0, b""), "indeterminate"),
        ((0, said(201, "{}")[:-1]), "indeterminate"),
    ],
    ids=str,
)
async def test_an_outcome_claims_no_more_than_the_answer_shows(
    tmp_path: Path, reply: Reply | None, outcome: str
) -> None:
    """A complete 2xx is stored, a clear refusal is not; after any other end it may be stored."""
    write = await written(tmp_path, reply)
    assert write.outcome == outcome
    assert (write.error is None) == (write.status_code is not None)
    assert write.took_s < PATIENCE_S


async def test_a_write_that_was_never_sent_has_failed(tmp_path: Path) -> None:
    """The connect was refused: there is no doubt about it."""

    async def unasked(method: str, path: str, body: bytes) -> Reply | None:
        raise AssertionError(path)

    async with server(unasked) as port:
        pass
    async with watching(tmp_path, Here(port)) as watched:
        write = await sent(Sender(watched, SEED), timeout_s=PATIENCE_S)
    assert (write.outcome, write.status_code) == ("failed", None)
    assert "ConnectError" in str(write.error)


async def test_a_promise_to_come_back_is_noted(tmp_path: Path) -> None:
    """Retry-After, whatever its value and case."""
    refused = await written(tmp_path, (0, said(503, "{}", retry_after="1")))
    assert (refused.outcome, refused.retry_after) == ("failed", True)
    assert not (await written(tmp_path / "..", (503, {}))).retry_after


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((201, {"id": "1"}), '{"id": "1"}'),
        ((503, {"error": "postgres is away"}), '{"error": "postgres is away"}'),
        ((500, "Internal\r\n  Server\tError\n"), "Internal Server Error"),
        ((404, ""), ""),
        ((400, "x" * 1000), "x" * 199 + "…"),
        ((500, "nul \x00 and \ud7ff"), "nul \x00 and \ud7ff"),
        (None, None),
    ],
    ids=["kept", "refused", "several lines", "empty", "long", "odd", "silent"],
)
async def test_the_text_of_an_answer_is_recorded(
    tmp_path: Path, reply: Reply | None, said: str | None
) -> None:
    """Its beginning, on one line, and readable in the file again."""
    assert (await written(tmp_path, reply)).answer == said
    (read,) = read_history(tmp_path / "history.jsonl").of(Request)
    assert read.answer == said


async def test_each_write_has_an_id_of_its_own_and_the_same_by_the_same_seed(
    tmp_path: Path,
) -> None:
    """The body carries it, so that it can be looked up afterwards."""
    bodies: list[str] = []

    async def answer(method: str, path: str, body: bytes) -> Reply:
        bodies.append(json.loads(body)["id"])
        return 201, {}

    ids = []
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        for seed in (1, 1, 2):
            writer = Sender(watched, seed)
            ids.append([(await sent(writer, timeout_s=PATIENCE_S)).op for _ in range(3)])
    assert bodies == [op for each in ids for op in each]
    assert ids[0] == ids[1]
    assert len({op for each in ids for op in each}) == 6


async def loaded(
    folder: Path, load: Load, seconds: float, delay_s: float = 0.0, count: int | None = None
) -> list[Request]:
    """The writes of a load that was let run for so long, or until so many were acknowledged."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        await asyncio.sleep(delay_s)
        return 201, {}

    over = asyncio.Event()
    async with server(answer) as port, watching(folder, Here(port)) as watched:
        first = await sent(Sender(watched, SEED), timeout_s=PATIENCE_S)
        asyncio.get_running_loop().call_later(seconds, over.set)
        if count is not None:
            journal = watched.journal
            journal.listeners.append(
                lambda _: over.set() if len(list(journal.history.of(Request))) > count else None
            )
        await Sender(watched, SEED + 1).load(Plan(load=(load.of(WRITES),)), 0, over)
        return [w for w in watched.journal.history.of(Request) if w != first]


AT_ONCE = replace(acknowledged(1), within_s=PATIENCE_S)


@pytest.mark.parametrize("delay_s", [0.0, 0.4])
async def test_a_load_keeps_its_rate_with_slow_answers(tmp_path: Path, delay_s: float) -> None:
    """Open loop: users do not wait for each other."""
    load = Load(start=AT_ONCE, rate_per_s=20)
    writes = await loaded(tmp_path, load, 3 * PATIENCE_S, delay_s, count=20)
    assert len(writes) >= 20
    assert_cadence(sorted(write.at_s for write in writes), 0.05)
    assert {write.outcome for write in writes} == {"ok"}
    # one after the other, the last would have taken eight seconds
    assert all(delay_s <= write.took_s < delay_s + 3.0 for write in writes)


async def served(folder: Path, *, keeps: bool) -> tuple[list[Request], int]:
    """Twenty writes of a load, and the connections that a server saw, which keeps them, or not."""
    opened, talks = 0, []
    word = b"keep-alive" if keeps else b"close"
    head = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: " + word + b"\r\n\r\n"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        talks.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                (length,) = re.findall(rb"(?i)content-length: (\d+)", asked)
                await reader.readexactly(int(length))
                writer.write(head)
                if not keeps:
                    break
        writer.close()
        await writer.wait_closed()

    over = asyncio.Event()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, watching(folder, Here(server.sockets[0].getsockname()[1])) as watched:
        first = await sent(Sender(watched, SEED), timeout_s=PATIENCE_S)
        journal = watched.journal
        journal.listeners.append(
            lambda _: over.set() if len(list(journal.history.of(Request))) > 20 else None
        )
        plan = Plan(load=(Load(start=AT_ONCE, rate_per_s=40).of(WRITES),))
        await Sender(watched, SEED + 1).load(plan, 0, over)
        await asyncio.gather(*talks)
        return [w for w in journal.history.of(Request) if w != first], opened


async def test_a_load_alternates_between_new_and_idle_connections(tmp_path: Path) -> None:
    """A keep-alive connection stays with its worker; the event says whether it was a new one."""
    writes, opened = await served(tmp_path, keeps=True)
    fresh = sum(write.fresh for write in writes)
    assert {write.outcome for write in writes} == {"ok"}
    assert len(writes) / 2 <= fresh < len(writes)
    assert opened == fresh + 1


async def test_where_a_server_keeps_no_connection_every_write_is_fresh(tmp_path: Path) -> None:
    """The event records what was done, not what was requested."""
    writes, opened = await served(tmp_path, keeps=False)
    assert all(write.fresh for write in writes)
    assert opened == len(writes) + 1


async def test_a_load_ends_at_its_stop(tmp_path: Path) -> None:
    """Here once five more are acknowledged, long before the run is over."""
    stop = replace(acknowledged(6), within_s=5.0)
    writes = await loaded(tmp_path, Load(start=AT_ONCE, stop=stop, rate_per_s=50), 4.0)
    assert 5 <= len(writes) <= 12


async def test_a_load_whose_moment_never_comes_sends_nothing(tmp_path: Path) -> None:
    """And does not hold up the run."""
    never = AtMoment(moment="degraded", within_s=0.2)
    assert await loaded(tmp_path, Load(start=never), 5.0) == []


async def test_a_proof_is_written_until_one_is_acknowledged(tmp_path: Path) -> None:
    """Refusals on the way are recorded as what they were."""
    count = 0

    async def answer(method: str, path: str, body: bytes) -> Reply:
        nonlocal count
        count += 1
        return (201 if count == 3 else 503), {}

    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        proof = await Sender(watched, SEED).prove(5.0)
        assert proof is not None
        assert proof.purpose == "proof"
        outcomes = [write.outcome for write in watched.journal.history.of(Request)]
    assert outcomes == ["failed", "failed", "ok"]


async def test_no_proof_within_the_bound_is_none(tmp_path: Path) -> None:
    """Bounded, however often it is refused."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 503, {}

    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        async with asyncio.timeout(PATIENCE_S):
            assert await Sender(watched, SEED).prove(2.0) is None
        assert 2 <= len(list(watched.journal.history.of(Request))) <= 22


async def test_a_read_has_the_id_of_a_write_that_was_acknowledged(tmp_path: Path) -> None:
    """Before there is one, nothing is sent. Another one's content is wrong, and names it."""
    theirs = ""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return (201, {}) if method == "POST" else (200, {"id": theirs or path.rpartition("/")[2]})

    good = GoodAnswer(equals={"id": "{id}"})
    read = RequestContract(name="seen", kind="read", path="/things/{id}", of="write", good=good)
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        by = Sender(watched, SEED)
        assert await by.send(read, timeout_s=PATIENCE_S) is None
        one, two = [await sent(by, timeout_s=PATIENCE_S) for _ in range(2)]
        for _ in range(5):
            seen = await by.send(read, timeout_s=PATIENCE_S)
            assert seen is not None
            assert (seen.outcome, seen.wrong, seen.of_kind) == ("ok", "", "read")
            assert seen.op in (one.op, two.op)
        again = await Sender(watched, SEED + 1).send(read, timeout_s=PATIENCE_S)
        assert again is not None  # another boot's writes are read too
        theirs = one.op
        crossed = [await by.send(read, timeout_s=PATIENCE_S) for _ in range(20)]
    wrong = [each for each in crossed if each is not None and each.op == two.op]
    assert wrong
    assert {(w.outcome, w.other) for w in wrong} == {("wrong", one.op)}
    assert wrong[0].wrong == f'id is "{one.op}", expected "{two.op}"'


async def test_the_users_of_a_job_send_it_in_turn(tmp_path: Path) -> None:
    """The app sees the user, and the history names it."""
    seen: list[str] = []

    async def answer(method: str, path: str, body: bytes) -> Reply:
        seen.append(path.rpartition("/")[2])
        return 202, {}

    path, users = "/mails/{id}/{user}", ("ann", "ben")
    mail = RequestContract(name="mail", kind="job", method="POST", path=path, users=users)
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        by = Sender(watched, SEED)
        for _ in range(3):
            await by.send(mail, timeout_s=PATIENCE_S)
        users_of_record = [request.user for request in watched.journal.history.of(Request)]
    assert seen == users_of_record == ["ann", "ben", "ann"]
