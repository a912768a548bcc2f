"""Where an app listens, whatever it was told: every port, written down on each change."""

from __future__ import annotations

import socket
from pathlib import Path

from chaoslab.history.events import Bound, Listening
from chaoslab.history.journal import History

from .rig import until
from .test_boot import booting

ELSEWHERE = """
import socket, sys, time
told = int(sys.argv[1])
listeners = [socket.create_server(("127.0.0.1", int(float(sys.argv[2])))) ]
print("on another port", flush=True)
time.sleep(0.5)
listeners.append(socket.create_server(("127.0.0.1", told)))
time.sleep(0.5)
listeners.pop(0).close()
time.sleep(60)
"""


def ports(history: History) -> list[tuple[int, ...]]:
    return [event.ports for event in history.of(Listening)]


async def test_every_port_that_an_app_listens_on_is_written_down(tmp_path: Path) -> None:
    """Another one than it was told, then both, then the declared one alone."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    async with booting(tmp_path, ELSEWHERE, other) as (watched, _):
        told = watched.running.listens_on
        await until(watched.journal, lambda _: len(ports(watched.journal.history)) == 3)
    history = watched.journal.history
    assert ports(history) == [(other,), tuple(sorted((other, told))), (told,)]
    bound, first = history.first(Bound), history.first(Listening)
    assert bound is not None
    assert first is not None
    assert first.at_s < bound.at_s, "another port is no bind"
