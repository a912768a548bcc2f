"""A run of an app whose daemon does the work and connects to the server without the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_lab import carried_out

from chaoslab import expect
from chaoslab.history.events import LabUp, LeftRunning, PathBypassed, Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.machine import reaper
from chaoslab.model.plan import Plan

# It asks the server through the proxy where it is, and hands that to a daemon that has neither its
# session nor its environment; it ends a second after the daemon has connected.
DISCOVERS = """
import os, socket, sys, time
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as through:
    through.sendall(b"CONFIG GET port\\r\\n")
    port = through.recv(100).split()[-1].decode()
read, write = os.pipe()
os.set_inheritable(write, True)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    word = "import os, socket, sys, time; there = ('127.0.0.1', int(sys.argv[1]))"
    word += "; client = socket.create_connection(there); os.write(int(sys.argv[2]), b'.')"
    word += "; time.sleep(60)"
    os.execve(sys.executable, [sys.executable, "-S", "-c", word, port, str(write)], dict())
os.wait()
os.read(read, 1)
time.sleep(1)
"""


@pytest.mark.slow
async def test_a_daemons_connection_is_named_and_the_daemon_is_ended(tmp_path: Path) -> None:
    """With the boot that it came from, although nothing of the app's tree shows it."""
    folder = RunFolder(tmp_path)
    plan = Plan(name="daemon", expect=(expect.Starts(),), limit_s=20)
    command = ("{python}", "-S", "-c", DISCOVERS, "{redis.host}", "{redis.port}")
    (verdict,) = await carried_out(folder, plan, *command)
    history = folder.history()
    past, left = history.first(PathBypassed), history.first(LeftRunning)
    up, spawned = history.first(LabUp), history.first(Spawned)
    assert up is not None
    assert up.past_proxy == "detected"
    assert past is not None
    assert left is not None
    assert spawned is not None
    assert (past.link, past.boot, past.seen) == ("shop.redis", 1, "server connections")
    assert past.pid == left.pid != spawned.pid
    assert reaper.look(left.pid) is None
    lines = "\n".join(verdict.texts)
    assert f"past the proxy of shop.redis: process {left.pid} 'python" in lines
    assert f"left running: pid {left.pid} 'python" in lines
