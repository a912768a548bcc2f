"""On which ports an app listens: every port is recorded at each change."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from chaoslab.history.events import Bound, Listening
from chaoslab.history.journal import History
from chaoslab.machine.ports import Ports
from chaoslab.probes.base import Watched

from .rig import until
from .test_boot import booting

ELSEWHERE = """
import os, socket, sys, time
told = int(sys.argv[1])
def seen(count):
    while not os.path.exists(f"{folder}/seen {count}"): time.sleep(0.01)
listeners = [socket.create_server(("127.0.0.1", int(float(sys.argv[2])))) ]
print("on another port", flush=True)
seen(1)
listeners.append(socket.create_server(("127.0.0.1", told)))
seen(2)
listeners.pop(0).close()
time.sleep(60)
"""


def ports(history: History) -> list[tuple[int, ...]]:
    return [event.ports for event in history.of(Listening)]


async def changed(watched: Watched, count: int) -> None:
    """Wait until the ports have changed so often."""
    await until(watched.journal, lambda _: len(ports(watched.journal.history)) == count)


async def test_every_port_that_an_app_listens_on_is_written_down(tmp_path: Path) -> None:
    """First another port than the declared one, then both, then the declared one alone."""
    code = f"folder = {str(tmp_path)!r}\n{ELSEWHERE}"
    with closing(Ports()) as free:
        other = free.take()
        async with booting(tmp_path, code, other) as (watched, _):
            told = watched.running.listens_on
            for count in (1, 2, 3):  # a change is made when the one before has been seen
                await changed(watched, count)
                (tmp_path / f"seen {count}").touch()
    history = watched.journal.history
    assert ports(history) == [(other,), tuple(sorted((other, told))), (told,)]
    bound, first = history.first(Bound), history.first(Listening)
    assert bound is not None
    assert first is not None
    assert first.at_s < bound.at_s, "another port is no bind"
