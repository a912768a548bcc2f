"""The selector of the engine's loop: exact timers, direct data sockets, contained bugs."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Iterator

import pytest

from chaoslab.clock import now_s
from chaoslab.engine.poller import READ, Loop, Poller


@pytest.fixture
def bugs() -> list[BaseException]:
    """The exceptions that handlers raised."""
    return []


@pytest.fixture
def poller(bugs: list[BaseException]) -> Iterator[Poller]:
    """A new poller."""
    made = Poller(bugs.append)
    yield made
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Two connected pairs of sockets, each with one byte to read."""
    made = [socket.socketpair() for _ in range(2)]
    for _, far in made:
        far.send(b"x")
    yield made
    for near, far in made:
        near.close()
        far.close()


def prompt(seconds: list[float]) -> float:
    """The longest time of the quickest quarter.

    On a busy machine many wakes are late and none is early; a selector that rounds is always late.

    """
    return sorted(seconds)[len(seconds) // 4]


def test_a_timer_below_a_millisecond_is_not_rounded_up(poller: Poller) -> None:
    """300 µs take about 300 µs; asyncio's own selector would take a whole millisecond."""
    took = []
    for _ in range(200):
        rung: list[float] = []
        begun = now_s()
        poller.timers.at(begun + 0.0003, lambda rung=rung: rung.append(now_s()))
        while not rung:
            poller.select(0.01)
        took.append(rung[0] - begun)
    assert min(took) >= 0.0003
    assert prompt(took) < 0.0009


def test_a_timer_behind_a_long_wait_is_exact_as_well(poller: Poller) -> None:
    """The coarse wait before it ends early enough: 10 ms do not become 11 ms."""
    late: list[float] = []

    def ring(due_s: float) -> None:
        late.append(now_s() - due_s)
        poller.asyncio_called()  # lets select return

    for timeout in (None, 5.0) * 10:
        due_s = now_s() + 0.01
        poller.timers.at(due_s, functools.partial(ring, due_s))
        poller.select(timeout)
    assert len(late) == 20
    assert min(late) >= 0.0
    assert prompt(late) < 0.0009


@pytest.fixture
def flood(poller: Poller) -> Iterator[list[int]]:
    """A data socket that is always readable; the list has one entry for each time it was served."""
    near, far = socket.socketpair()
    far.send(b"x")
    served: list[int] = []
    poller.watch(near.fileno(), READ, served.append)  # the byte is not read
    yield served
    poller.forget(near.fileno())
    near.close()
    far.close()


def test_much_data_does_not_delay_asyncio(poller: Poller, flood: list[int]) -> None:
    """Its descriptors, timers and calls are all served while data never pauses."""

    async def work() -> tuple[list[float], list[float]]:
        loop = asyncio.get_running_loop()
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        answered_s, slept_s = [], []
        with reader, writer:
            for _ in range(50):
                begun = now_s()
                writer.send(b"question")
                assert await loop.sock_recv(reader, 64) == b"question"
                answered_s.append(now_s() - begun)
        for _ in range(20):
            begun = now_s()
            await asyncio.sleep(0.002)
            slept_s.append(now_s() - begun)
        assert await asyncio.to_thread(lambda: "from another thread") == "from another thread"
        return answered_s, slept_s

    with asyncio.Runner(loop_factory=lambda: Loop(poller)) as runner:
        answered_s, slept_s = runner.run(work())
    assert len(flood) > 50
    # Without service they would never be called; some ms are for a busy machine.
    assert prompt(answered_s) < 0.01
    assert min(slept_s) >= 0.002
    assert prompt(slept_s) < 0.012


def test_much_data_does_not_delay_a_data_timer(poller: Poller, flood: list[int]) -> None:
    """The delay of one connection does not depend on the data of another."""
    late = []
    for _ in range(50):
        due_s = now_s() + 0.003
        rung: list[float] = []
        poller.timers.at(due_s, lambda rung=rung: rung.append(now_s()))
        while not rung:
            poller.select(0.005)
        late.append(rung[0] - due_s)
    assert min(late) >= 0.0
    assert prompt(late) < 0.001
    assert len(flood) > 50


def test_a_call_given_to_asyncio_by_a_handler_is_made_at_once(
    poller: Poller, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    """`select` returns for it, although asyncio asked for a long wait."""
    near = pairs[0][0]

    async def wait_for_the_handler() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()

        def serve(_: int) -> None:
            poller.forget(near.fileno())
            loop.call_later(0.001, done.set_result, "called")

        poller.watch(near.fileno(), READ, serve)
        begun = now_s()
        return await asyncio.wait_for(done, 30.0), now_s() - begun

    with asyncio.Runner(loop_factory=lambda: Loop(poller)) as runner:
        result, took_s = runner.run(wait_for_the_handler())
    assert result == "called"
    assert 0.001 <= took_s < 10.0  # for a stall; without the call it would be 30 s


def test_a_descriptor_forgotten_in_the_same_batch_is_not_served(
    poller: Poller, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    """If a handler ends another connection, that one is not served afterwards."""
    served: list[int] = []
    fds = [near.fileno() for near, _ in pairs]

    def serve(own: int, other: int) -> None:
        served.append(own)
        poller.forget(other)

    poller.watch(fds[0], READ, lambda _: serve(fds[0], fds[1]))
    poller.watch(fds[1], READ, lambda _: serve(fds[1], fds[0]))
    assert poller.select(0) == []
    assert len(served) == 1


def test_a_handler_that_raises_is_reported_and_the_others_are_served(
    poller: Poller,
    bugs: list[BaseException],
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    """A bug in one connection does not affect the others."""
    served: list[bytes] = []

    def broken(_: int) -> None:
        raise RuntimeError("bug")

    poller.watch(pairs[0][0].fileno(), READ, broken)
    poller.watch(pairs[1][0].fileno(), READ, lambda _: served.append(pairs[1][0].recv(1)))
    poller.select(0)
    assert served == [b"x"]
    assert [str(bug) for bug in bugs] == ["bug"]


def test_asyncio_gets_its_own_events_and_no_data_sockets(
    poller: Poller, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    """Registered descriptors are returned as keys, watched ones never."""
    poller.register(pairs[0][0], 1, data="asyncio")
    poller.watch(pairs[1][0].fileno(), READ, lambda _: pairs[1][0].recv(1) and None)
    events = poller.select(1.0)
    assert [(key.data, mask) for key, mask in events] == [("asyncio", 1)]
    with pytest.raises(KeyError):
        poller.get_key(pairs[1][0])
    with pytest.raises(KeyError):
        poller.register(pairs[0][0], 1)
