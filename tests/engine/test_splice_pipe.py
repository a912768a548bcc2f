"""The pipe between two sockets, and kernels without `splice`."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from chaoslab.engine import splice_pipe
from chaoslab.engine.splice_pipe import SplicePipe


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket, socket.socket, socket.socket]]:
    """Sender, source, sink, receiver: bytes from the sender arrive at the receiver."""
    sender, source = socket.socketpair()
    sink, receiver = socket.socketpair()
    for sock in (source, sink, receiver):
        sock.setblocking(False)
    yield sender, source, sink, receiver
    for sock in (sender, source, sink, receiver):
        sock.close()


def started() -> SplicePipe:
    """A pipe, started after enough full reads."""
    made = SplicePipe.start(splice_pipe.FULL_READS)
    assert made is not None
    return made


def test_a_pipe_starts_only_after_enough_full_reads() -> None:
    """One large message is not bulk data."""
    assert SplicePipe.start(splice_pipe.FULL_READS - 1) is None
    started().stop()


def test_bytes_pass_and_the_rest_is_returned(
    ends: tuple[socket.socket, socket.socket, socket.socket, socket.socket],
) -> None:
    """The bytes of the sink and the returned ones are all that were sent."""
    sender, source, sink, receiver = ends
    pipe = started()
    sender.sendall(b"first")
    assert (pipe.fill(source), pipe.drain(sink), pipe.size) == (5, 5, 0)
    assert receiver.recv(9) == b"first"
    sender.sendall(b"second")
    assert pipe.fill(source) == 6
    assert pipe.stop() == b"second"
    again = started()
    assert again.stop() == b"", "a used pipe was given back with bytes in it"


def test_small_reads_in_a_row_end_splicing(
    ends: tuple[socket.socket, socket.socket, socket.socket, socket.socket],
) -> None:
    """Then the buffer is faster, and the pipe is free for other streams."""
    sender, source, sink, receiver = ends
    pipe = started()
    for count in range(splice_pipe.SMALL_READS):
        assert pipe.idle == (count >= splice_pipe.SMALL_READS)
        sender.sendall(b"x")
        pipe.fill(source)
        pipe.drain(sink)
        receiver.recv(1)
    assert pipe.idle
    pipe.stop()


def test_the_end_of_the_source_is_not_taken_for_no_data(
    ends: tuple[socket.socket, socket.socket, socket.socket, socket.socket],
) -> None:
    """0 at the end, BlockingIOError before it."""
    sender, source, _, _ = ends
    pipe = started()
    with pytest.raises(BlockingIOError):
        pipe.fill(source)
    sender.close()
    assert pipe.fill(source) == 0
    pipe.stop()


def test_a_kernel_that_cannot_splice_sockets_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its error does not reset the connection; other errors do."""
    monkeypatch.setattr(SplicePipe, "_works", True)
    assert not SplicePipe.unsupported_by_kernel(ConnectionResetError(errno.ECONNRESET, "reset"))
    started().stop()
    assert SplicePipe.unsupported_by_kernel(OSError(errno.EINVAL, "refused"))
    assert SplicePipe.start(splice_pipe.FULL_READS) is None
