"""An engine that stops during a run: reported in bounded time, and cleaned when it is back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.switch import Switch

from .engine import Maker

pytest.importorskip("docker", reason="needs the extra `containers`")

LAB = """
import docker
from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.containers.problems import EngineGone, engine_errors
with engine_errors("the engine"):
    client = docker.from_env()
events = client.events(decode=True)
print("up", flush=True)
input()
def listen():
    for event in events:
        pass
    print("the stream ended", flush=True)
for work in (listen, client.containers.list):
    try:
        with engine_errors("service db"):
            work()
    except EngineGone as error:
        print(str(error).partition(chr(10))[0], flush=True)
"""


class Relay:
    """A socket in front of this machine's engine, which can be taken away and put back."""

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"unix://{path}"
        self._target = engine_address().socket_path
        self._up: ExitStack | None = None
        self.start()

    def start(self) -> None:
        self._up = ExitStack()
        listener = self._up.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(self.path))
        listener.listen()
        accepting = threading.Thread(target=self._accept, args=(listener, self._up), daemon=True)
        accepting.start()

    def stop(self) -> None:
        """As a killed engine: the socket is gone, every connection is cut."""
        if self._up is not None:
            self.path.unlink(missing_ok=True)
            up, self._up = self._up, None
            up.close()

    def _accept(self, listener: socket.socket, up: ExitStack) -> None:
        up.callback(lambda: _shut(listener))
        with suppress(OSError):
            while True:
                here = up.enter_context(listener.accept()[0])
                there = up.enter_context(socket.socket(socket.AF_UNIX))
                there.connect(self._target)
                for one, other in ((here, there), (there, here)):
                    up.callback(_shut, one)
                    threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while said := one.recv(65_536):
            other.sendall(said)
        other.shutdown(socket.SHUT_WR)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(maker: Maker, tmp_path: Path) -> Iterator[Relay]:
    if not engine_address().socket_path:
        pytest.skip("the engine is reached by TCP")
    relay = Relay(tmp_path / "engine.sock")
    yield relay
    relay.stop()


def test_a_lab_reports_that_its_engine_stopped(maker: Maker, relay: Relay) -> None:
    """A stream that is under way breaks off, and the next call fails.

    The engine reports everybody's containers, so that events of other labs come first.
    """
    with subprocess.Popen(
        [sys.executable, "-c", LAB],
        env=os.environ | {"DOCKER_HOST": relay.url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline() == "up\n"
        maker.container(maker.labels())
        relay.stop()
        said, _ = lab.communicate("\n", timeout=30)
    stream, call = said.splitlines()
    gone = "service db: the Docker engine stopped answering during the run: "
    assert stream == "the stream ended" or stream.startswith(gone)
    assert call.startswith(gone)


def test_the_switch_waits_for_an_engine_that_comes_back(
    maker: Maker, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`finish` fails within seconds; the switch goes on and succeeds."""
    monkeypatch.setenv("DOCKER_HOST", relay.url)
    switch = Switch(maker.session)
    maker.container(maker.labels())
    relay.stop()
    start_s = now_s()
    assert switch.finish() is False
    # About 3 s of pauses between its tries.
    assert now_s() - start_s < 20.0
    assert "No such file" in switch.why_left
    assert len(maker.things()) == 1
    relay.start()
    while maker.things():
        assert now_s() - start_s < 60.0
    os.waitpid(switch.pid, 0)
