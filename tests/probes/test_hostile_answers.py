"""An app may answer anything: that is its own mistake, and never the probe's end."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.history.events import FirstAnswer, HealthSample, ProbeCrashed, StartupSnapshot
from chaoslab.history.journal import read_history
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.probes.base import guarded
from chaoslab.probes.boot import BootProbe
from chaoslab.probes.health import HealthProbe, ask_health
from chaoslab.probes.health_answer import Answer
from chaoslab.probes.prober import ProberProbe
from chaoslab.probes.workload import Sender

from .rig import PATIENCE_S, Here, Reply, said, sent, server, watching

UNHEALTHY, UNREACHABLE = HealthState.UNHEALTHY, HealthState.UNREACHABLE
MIB = 1 << 20
PATHS = HealthContract(startup_path="/startup", live_path="/live", ready_path="/ready")


def chunked(*pieces: bytes) -> bytes:
    """An answer of these pieces, each a chunk, without its end."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def of_length(length: int) -> bytes:
    """The head of an answer that promises so many bytes."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length


@asynccontextmanager
async def pouring(head: bytes, piece: bytes, times: int | None = None) -> AsyncIterator[int]:
    """Answers each request with `head`, then `piece` over and over as far as it is read."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            for each in repeat(piece) if times is None else repeat(piece, times):
                writer.write(each)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@contextmanager
def within(most_bytes: int) -> Iterator[None]:
    """No more than so much memory is taken at any time in the block."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


async def poured(folder: Path, head: bytes, piece: bytes, times: int | None = None) -> Answer:
    """What health comes to, in bounded memory and in time."""
    async with pouring(head, piece, times) as port, watching(folder, Here(port)) as watched:
        with within(8 * MIB):
            return await ask_health(watched, timeout_s=PATIENCE_S)


async def asked(folder: Path, reply: Reply) -> Answer:
    """What one health request comes to when the server gives that reply."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return reply

    async with server(answer) as port, watching(folder, Here(port)) as watched:
        with within(64 * MIB):
            return await ask_health(watched, timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    ("head", "piece", "why"),
    [
        (of_length(1 << 30), b" " * 65536, "a body of more than 1 MiB"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b" " * 65536, "a body of more than 1 MiB"),
        (chunked(b"{"), b"10000\r\n" + b" " * 65536 + b"\r\n", "a body of more than 1 MiB"),
        (chunked(b"{"), b"1\r\n \r\n" * 1000, "a body of more than 4096 chunks"),
    ],
    ids=["promised", "endless", "in chunks", "many chunks"],
)
async def test_a_body_without_end_is_read_no_further_than_its_bound(
    tmp_path: Path, head: bytes, piece: bytes, why: str
) -> None:
    """A gigabyte cost the lab 800 MB; now it is unhealthy, with the reason."""
    answer = await poured(tmp_path, head, piece)
    assert (answer.state, answer.status_code) == (UNHEALTHY, 200)
    assert answer.error == f"health answered 200 with {why}; the lab stops reading here"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 100),
        (b"", b"\0" * 65536),
        (chunked(b"{}") + b"0\r\n", b"x: y\r\n" * 1000),
        (chunked(b"{}"), b"ffffffffffffffffffffffff\r\n"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n", b" "),
        (b"HTTP/1.1 2\xb200 OK\r\n\r\n", b" "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b" "),
    ],
    ids=[
        "many headers", "a long header", "100 for ever", "103 for ever", "zeros", "trailers",
        "a chunk too long", "a length of 5000 digits", "no digit", "TLS",
    ],
)  # fmt: skip
async def test_a_malformed_or_too_large_answer_is_no_answer(
    tmp_path: Path, head: bytes, piece: bytes
) -> None:
    """The reading ends by itself, and what is written down of it is short."""
    begun_s = now_s()
    answer = await poured(tmp_path, head, piece, times=20_000)
    assert (answer.state, answer.status_code) == (UNREACHABLE, None)
    assert str(answer.error).startswith("RemoteProtocolError: ")
    assert len(str(answer.error)) <= 200
    assert now_s() - begun_s < PATIENCE_S


async def test_a_body_that_drips_is_given_up_at_the_time_out(tmp_path: Path) -> None:
    """Each byte is in time, but the complete answer is not."""
    never = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(of_length(MIB))
            while not never.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except OSError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with watching(tmp_path, Here(port)) as watched:
            answer = await ask_health(watched, timeout_s=0.2)
        never.set()
    assert (answer.state, answer.error) == (UNREACHABLE, "TimeoutError")


def bomb(times: int) -> bytes:
    """Zeros, packed again and again: a few kilobytes that become gigabytes."""
    packed = gzip.compress(bytes(16 * MIB))
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip, gzip", "deflate", "br", "x-\x1b[2j"])
async def test_a_body_with_a_content_encoding_is_not_read(tmp_path: Path, encoding: str) -> None:
    """Five kilobytes of gzip in gzip took the lab to 6 GB."""
    packed = said(200, bomb(encoding.count("gzip") or 1), content_encoding=encoding)
    answer = await asked(tmp_path, (0, packed))
    assert (answer.state, answer.status_code) == (UNHEALTHY, 200)
    assert answer.error == (
        "health answered 200 with application/json, expected a JSON object,"
        f" got the content encoding {encoding}, which the lab does not read"
    )


async def test_no_content_encoding_is_asked_for(tmp_path: Path) -> None:
    """By any request: health, probers, start-up, writes."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(said(200, "{}"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with watching(tmp_path, Here(port)) as watched:
            await ask_health(watched, timeout_s=PATIENCE_S)
            await sent(Sender(watched, 1), timeout_s=PATIENCE_S)
    assert [head.split()[0] for head in heads] == ["get", "post"]
    assert all(head.count("\r\naccept-encoding: identity\r\n") == 1 for head in heads)
    assert all("accept-encoding: gzip" not in head for head in heads)


NESTED = '{"status": ' + "[" * 900 + "]" * 900 + "}"
MANY = {f"d{n}-" + "x" * 1000: "y" * 1000 for n in range(300)}


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (NESTED, "application/json", "JSON of more than 64 levels"),
        ('{"dependencies": ' + NESTED + "}", "application/json", "JSON of more than 64 levels"),
        (b'\xff\xfe{"status": "healthy"}', "application/json", "bytes that are not UTF-8"),
        (b"x", "application/json; charset=idna", "invalid JSON"),
        (b"\xff", "text/plain; charset=punycode", "bytes that are not UTF-8"),
        (b"x", "text/plain; charset=\x80nonsense", None),
        ("9" * 5000, "application/json", "invalid JSON"),
        ('{"status": ' + "9" * 5000 + "}", "application/json", "invalid JSON"),
        ('{"status": {"status": "up"}}', "application/json", "is an object, expected a word"),
        ('{"status": ["up"]}', "application/json", "is a list, expected a word"),
        ('{"status": NaN}', "application/json", None),
        ('{"status": 1e999}', "application/json", None),
        ('{"status": ' + "9" * 4000 + "}", "application/json", None),
    ],
)
async def test_an_odd_body_is_unhealthy_and_no_crash(
    tmp_path: Path, body: str | bytes, kind: str, error: str | None
) -> None:
    """Whatever it is made of, and whatever charset it claims."""
    answer = await asked(tmp_path, (0, said(200, body, kind)))
    assert (answer.state, answer.status_code) == (UNHEALTHY, 200)
    assert str(answer.error).endswith(error) if error else answer.error is None
    assert len(answer.word or "") <= 200


@pytest.mark.parametrize("charset", ["idna", "rot13", "utf-7", "hex", "no-such-charset", "utf-16"])
async def test_a_good_answer_is_read_as_utf_8_with_any_charset(
    tmp_path: Path, charset: str
) -> None:
    """JSON has no other; a charset named by an app must not choose the lab's decoder."""
    reply = said(200, '{"status": "healthy"}', f"application/json; charset={charset}")
    assert (await asked(tmp_path, (0, reply))).state is HealthState.HEALTHY


@pytest.mark.parametrize(
    "named",
    [MANY, [{"name": name, "status": word} for name, word in MANY.items()]],
    ids=["object", "list"],
)
async def test_of_a_crowd_of_dependencies_a_bounded_part_is_recorded(
    tmp_path: Path, named: object
) -> None:
    """Each sample goes into a file; names and words are cut too."""
    answer = await asked(tmp_path, (200, {"status": "degraded", "dependencies": named}))
    assert len(answer.dependencies) == 256
    assert all(len(text) <= 200 for pair in answer.dependencies.items() for text in pair)


async def test_names_that_are_not_texts_are_left_out(tmp_path: Path) -> None:
    """A list cannot be a key; it ended the probe."""
    odd: list[object] = [{"name": ["x"], "status": "up"}, {"name": {}, "status": "up"}, {}]
    body: dict[str, object] = {"status": "degraded", "dependencies": odd}
    assert (await asked(tmp_path, (200, body))).dependencies == {}


HOSTILE: list[Reply] = [
    (0, said(200, NESTED)),
    (0, said(200, NESTED.replace("status", "startup_completed_phases"))),
    (0, said(200, "[" * 100_000)),
    (0, said(200, bomb(2), content_encoding="gzip")),
    (0, said(200, b"\xff\xfe", "text/plain; charset=idna")),
    (0, of_length(2 * MIB) + b" " * 2 * MIB),
    (200, {"status": {}, "dependencies": [{"name": []}], "startup_mode": [[]]}),
]


@pytest.mark.parametrize("reply", HOSTILE, ids=range(len(HOSTILE)))
async def test_no_hostile_answer_crashes_any_probe(tmp_path: Path, reply: Reply) -> None:
    """Health, start-up, liveness and writes read the same way."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return (200, {"status": "healthy"}) if path == "/health" and healthy else reply

    over, sampling = asyncio.Event(), Sampling(cadence_s=0.05, prober_cadence_s=0.05)
    for healthy in (False, True):  # only a healthy app's start-up path is looked at
        over.clear()
        folder = tmp_path / str(healthy)
        folder.mkdir()
        async with server(answer) as port, watching(folder, Here(port), PATHS) as watched:
            journal = watched.journal
            probes = {
                "health": HealthProbe(watched, sampling).run(over),
                "live": ProberProbe(watched, "live", sampling).run(over),
                "boot": BootProbe(watched).run(over),
            }
            running = [
                asyncio.create_task(guarded(name, probe, journal)) for name, probe in probes.items()
            ]
            write = await sent(Sender(watched, 1), timeout_s=PATIENCE_S)
            assert len(write.answer or "") <= 200
            async with asyncio.timeout(PATIENCE_S):
                await journal.wait_for(
                    lambda events: (
                        (
                            any(isinstance(e, FirstAnswer | ProbeCrashed) for e in events)
                            and any(isinstance(e, HealthSample | ProbeCrashed) for e in events)
                        )
                        or None
                    ),
                    PATIENCE_S,
                )
                over.set()
                await asyncio.gather(*running)
        read = read_history(folder / "history.jsonl")
        assert read.first(ProbeCrashed) is None
        assert all(len(json.dumps(list(s.failed_phases))) < 1000 for s in read.of(StartupSnapshot))
