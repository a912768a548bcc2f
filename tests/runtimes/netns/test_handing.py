"""What happens if the process that hands out sockets does not, or ends."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import tree
from chaoslab.network import HandedSockets, NotHanded
from chaoslab.probes.lab_trouble import lab_trouble
from chaoslab.probes.request import Message, ask
from chaoslab.runtimes.netns import NetnsRuntime
from chaoslab.runtimes.netns.child import NamespaceAgent
from runtimes.clients import run_python


async def test_a_socket_that_was_not_handed_out_is_the_labs_trouble() -> None:
    """Never an app that refuses: the request was not sent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    there = Endpoint(host="127.0.0.1", port=8080, new_socket=HandedSockets(ours))
    with pytest.raises(httpx.ConnectError) as caught:
        await ask(there, Message(path="/"))
    assert "no socket of the namespace" in lab_trouble(caught.value)


def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    """After a time-out the channel is closed: a table of sockets is no connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = HandedSockets(ours)
    ours.settimeout(0.01)
    with theirs:
        with pytest.raises(NotHanded, match="no socket of the namespace: timed out"):
            made(socket.AF_INET, socket.SOCK_STREAM)
        with socket.socket() as late, pytest.raises(OSError, match=r"Broken pipe|reset"):
            socket.send_fds(theirs, [b"{}"], [late.fileno()])
        with pytest.raises(NotHanded, match="no socket of the namespace: timed out"):
            made(socket.AF_INET, socket.SOCK_STREAM)


async def test_an_app_never_outlives_the_agent_of_its_pod(
    lab: NetnsRuntime, tmp_path: Path
) -> None:
    """Else its end would be recorded while it runs."""
    app = await run_python(lab, "import time; time.sleep(60)", tmp_path / "log")
    parent = _parent(app.pid)
    assert parent in tree(lab._namespaces.pid)
    os.kill(parent, signal.SIGKILL)
    assert await app.exited() == -signal.SIGKILL
    assert await lab._namespaces.ended() != 0
    assert _parent(app.pid) == 0


def test_an_app_that_ends_with_its_agent_while_it_is_spawned_has_ended() -> None:
    """The agent's answer comes first, and then nobody is left to report the exit."""
    (ours, theirs), (reads, writes) = socket.socketpair(), socket.socketpair()
    agent = NamespaceAgent("the agent of app", ours, reads, None, tuple)
    with theirs, writes:
        writes.close()
        agent._reader.join()
        assert agent._exit_of(7).result(0) == -signal.SIGKILL
        agent.close()


def _parent(pid: int) -> int:
    """The parent of a process; 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
