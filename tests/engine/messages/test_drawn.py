"""Any segmentation gives the same messages; any bytes pass unchanged, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.engine.messages.base import HEAD_BYTES
from chaoslab.engine.messages.dialects import DIALECTS
from chaoslab.engine.messages.reader import Piece, Reader

from .streams import (
    ERROR,
    LOGGED_IN,
    READY,
    SSL_REQUEST,
    STARTUP,
    SYNC,
    bind,
    bulk,
    command,
    complete,
    execute,
    frame,
    parse,
    query,
    texts,
)

each_dialect = pytest.mark.parametrize("dialect", DIALECTS)

SQL = st.sampled_from(["COMMIT", "begin; end", "INSERT INTO t VALUES (';')", "", "x" * 6000])
NAMES = st.sampled_from(["", "a", "b"])
FROM_CLIENT = st.one_of(
    st.builds(query, SQL),
    st.builds(parse, NAMES, SQL),
    st.builds(bind, NAMES, NAMES),
    st.builds(execute, NAMES),
    st.just(SYNC),
    st.builds(frame, st.just("d"), st.binary(max_size=9000)),
)
FROM_SERVER = st.one_of(
    st.builds(complete, st.sampled_from(["COMMIT", "ROLLBACK", "SELECT 1"])),
    st.builds(frame, st.just("D"), st.binary(max_size=9000)),
    st.sampled_from([READY, ERROR, frame("1"), frame("s"), frame("G"), frame("I")]),
)
COMMANDS = st.one_of(
    st.lists(st.text(max_size=8), min_size=1, max_size=4).map(lambda words: command(*words)),
    st.just(command("SET", "k", "x" * 9000)),
    st.sampled_from([b"PING\r\n", b"\r\n", command("MULTI"), command("SUBSCRIBE", "c")]),
)
VALUES = st.recursive(
    st.one_of(
        st.sampled_from([b"+OK\r\n", b"-ERR\r\n", b":1\r\n", b"$-1\r\n", b"_\r\n", b"+QUEUED\r\n"]),
        st.builds(bulk, st.text(max_size=20)),
    ),
    lambda values: st.lists(values, max_size=3).map(
        lambda each: b"*%d\r\n" % len(each) + b"".join(each)
    ),
    max_leaves=6,
)
PUSHES = st.just(b">1\r\n+a\r\n")
STREAMS: dict[str, tuple[st.SearchStrategy[bytes], st.SearchStrategy[bytes]]] = {
    "postgres": (
        st.lists(FROM_CLIENT, max_size=8).map(b"".join),
        st.lists(FROM_SERVER, max_size=8).map(b"".join),
    ),
    "redis": (
        st.lists(COMMANDS, max_size=8).map(b"".join),
        st.lists(VALUES | PUSHES, max_size=8).map(b"".join),
    ),
}
SIZES = st.lists(st.integers(1, 40) | st.integers(1000, 5000), min_size=1, max_size=12)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in parts of these sizes, again and again."""
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def read(reader: Reader, parts: Iterator[bytes]) -> list[Piece]:
    return [piece for part in parts for piece in reader.read(part)]


@each_dialect
@examples(60)
@given(st.data())
def test_any_segmentation_of_a_stream_has_the_same_messages(
    dialect: str, data: st.DataObject
) -> None:
    """Of both sides; the bytes are the same too, and nothing is kept back at a message's end."""
    up, down = (data.draw(stream) for stream in STREAMS[dialect])
    sizes = data.draw(SIZES)
    if dialect == "postgres":
        up, down = SSL_REQUEST + STARTUP + up, LOGGED_IN + down

    def whole(sizes: list[int]) -> tuple[list[str], list[str]]:
        dialogue, notes = DIALECTS[dialect](), list[str]()
        client = Reader(dialogue.client, dialogue.asked, notes.append)
        server = Reader(dialogue.server, dialogue.answered, notes.append)
        first = b""
        if dialect == "postgres":  # the answer comes before the log-in
            first = SSL_REQUEST
            client.read(first)
            server.read(b"N")
        asked = read(client, cut(up[len(first) :], sizes))
        done = read(server, cut(down, sizes))
        assert not notes
        assert first + b"".join(piece.data for piece in asked) == up
        assert b"".join(piece.data for piece in done) == down
        assert client.held == server.held == 0
        return texts(asked), texts(done)

    assert whole(sizes) == whole([1 << 20])


JUNK = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([SSL_REQUEST, STARTUP, LOGGED_IN, READY, b"N", query("COMMIT"), SYNC]),
    COMMANDS,
    VALUES,
)


@each_dialect
@examples(150)
@given(st.lists(st.tuples(st.booleans(), JUNK), max_size=12))
def test_any_bytes_pass_unchanged(dialect: str, sent: list[tuple[bool, bytes]]) -> None:
    """In any order of both sides; little is kept back, and a broken stream is read no further."""
    dialogue = DIALECTS[dialect]()
    readers = {
        True: Reader(dialogue.client, dialogue.asked),
        False: Reader(dialogue.server, dialogue.answered),
    }
    given_, out = {True: b"", False: b""}, {True: b"", False: b""}
    for client, data in sent:
        reader = readers[client]
        given_[client] += data
        out[client] += b"".join(piece.data for piece in reader.read(data))
        assert reader.held <= HEAD_BYTES
        assert len(out[client]) + reader.held == len(given_[client])
        assert not (reader.unread and reader.held)
    for client, reader in readers.items():
        assert out[client] + reader.rest() == given_[client]
