"""The selector under the engine's loop: exact timers, direct sockets, and no bug that spreads."""

from __future__ import annotations

import asyncio
import socket
import statistics
from collections.abc import Iterator

import pytest

from chaoslab.clock import now_s
from chaoslab.engine.poller import READ, Poller


@pytest.fixture
def bugs() -> list[BaseException]:
    """What handlers raised."""
    return []


@pytest.fixture
def poller(bugs: list[BaseException]) -> Iterator[Poller]:
    """A poller of the test's own."""
    made = Poller(bugs.append)
    yield made
    made.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Two connected pairs, each with a byte waiting."""
    made = [socket.socketpair() for _ in range(2)]
    for _, far in made:
        far.send(b"x")
    yield made
    for near, far in made:
        near.close()
        far.close()


def test_a_timer_below_a_millisecond_is_not_rounded_up_to_one() -> None:
    """300 µs take about 300 µs; asyncio's own selector would make them a whole millisecond."""

    async def wait_often() -> list[float]:
        loop = asyncio.get_running_loop()
        took = []
        for _ in range(200):
            begun = now_s()
            done = loop.create_future()
            loop.call_at(begun + 0.0003, done.set_result, None)
            await done
            took.append(now_s() - begun)
        return took

    factory = asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Poller(print)))
    with factory as runner:
        took = runner.run(wait_often())
    assert min(took) >= 0.0003
    # The median, because single wakes of a busy machine may be late by any amount.
    assert statistics.median(took) < 0.0009


def test_a_descriptor_forgotten_in_the_same_batch_is_not_served(
    poller: Poller, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    """A handler that ends another connection must not see that one served afterwards."""
    served: list[int] = []
    fds = [near.fileno() for near, _ in pairs]

    def serve(own: int, other: int) -> None:
        served.append(own)
        poller.forget(other)

    poller.watch(fds[0], READ, lambda _: serve(fds[0], fds[1]))
    poller.watch(fds[1], READ, lambda _: serve(fds[1], fds[0]))
    assert poller.select(1.0) == []
    assert len(served) == 1


def test_a_handler_that_raises_is_reported_and_the_others_are_served(
    poller: Poller,
    bugs: list[BaseException],
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    """One connection's bug is not everybody's outage."""
    served: list[bytes] = []

    def broken(_: int) -> None:
        raise RuntimeError("bug")

    poller.watch(pairs[0][0].fileno(), READ, broken)
    poller.watch(pairs[1][0].fileno(), READ, lambda _: served.append(pairs[1][0].recv(1)))
    poller.select(1.0)
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
