"""The dead-man's switch: whatever ends a lab, its containers, networks and volumes go away."""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine import deadman, reaper
from chaoslab.runtimes.containers import sweeper
from chaoslab.runtimes.containers.address import DEFAULT_URL, engine_address
from chaoslab.runtimes.containers.switch import Switch

from .engine import Maker

# One container takes the engine 0.2 to 0.5 s; two shared cores may take ten times as long.
GONE_WITHIN_S = 20.0
OWNER = (
    "import sys; from chaoslab.runtimes.containers.switch import Switch\n"
    "print(Switch(sys.argv[1]).pid, flush=True); input()"
)


def wait_until_empty(maker: Maker) -> None:
    end_s = now_s() + GONE_WITHIN_S
    while there := maker.things():
        assert now_s() < end_s, there


def test_finish_removes_everything_of_the_session_and_nothing_else(maker: Maker) -> None:
    """Five containers, one of them paused, on a network, with anonymous volumes and a named one."""
    switch = Switch(maker.session)
    said = maker.labels()
    network = maker.network(said)
    made = [maker.container(said, network=network) for _ in range(5)]
    maker.volume(said)
    maker.engine.call("POST", f"/containers/{made[0]}/pause")
    volumes = _anonymous_volumes(maker, made)
    other = Maker(engine=maker.engine, session=f"{maker.session}-other")
    stays = other.container(other.labels())
    try:
        start_s = now_s()
        assert switch.finish(), switch.why_left
        # SIGKILL, and all at once: 0.9 s here; one after the other with a grace takes 50 s.
        assert now_s() - start_s < 25.0
        assert maker.things() == []
        assert not any(maker.engine.call("GET", f"/volumes/{name}")[0] == 200 for name in volumes)
        assert [thing.id for thing in other.things()] == [stays]
        assert switch.finish(), "it is safe to repeat"
    finally:
        sweeper.sweep(maker.engine, other.session)


def _anonymous_volumes(maker: Maker, containers: list[str]) -> list[str]:
    mounts = (
        json.loads(maker.engine.read(f"/containers/{one}/json"))["Mounts"] for one in containers
    )
    names = [mount["Name"] for each in mounts for mount in each]
    assert len(names) == len(containers)
    return names


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_everything_is_removed_when_the_lab_dies(maker: Maker, number: signal.Signals) -> None:
    """Any signal, also to its whole process group as by Ctrl-C: the switch is not in the group."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, maker.session],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        switch = int(owner.stdout.readline())
        network = maker.network(maker.labels())
        maker.container(maker.labels(), network=network)
        os.killpg(owner.pid, number)
        owner.wait()
    wait_until_empty(maker)
    reaper.wait_for({switch: switch}, GONE_WITHIN_S)  # type: ignore[dict-item]
    assert reaper.look(switch) is None, "the switch itself ends, too"


def test_a_child_that_holds_the_pipe_does_not_keep_the_switch_from_acting(maker: Maker) -> None:
    """A worker that was forked from the lab outlives it with the lab's end of the pipe."""
    forked = OWNER.replace("input()", "import os; os.fork(); input()")
    with subprocess.Popen(
        [sys.executable, "-c", forked, maker.session],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        maker.container(maker.labels())
        owner.kill()
        owner.wait()
        wait_until_empty(maker)


def test_what_the_engine_was_still_making_when_the_lab_died_goes_too(maker: Maker) -> None:
    """A request that the dead lab had sent may still make something; the switch looks again."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, maker.session],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        switch = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
    maker.container(maker.labels())
    reaper.wait_for({switch: switch}, GONE_WITHIN_S)  # type: ignore[dict-item]
    assert maker.things() == []


def test_a_killed_switch_is_noticed_and_its_work_done_by_the_lab(maker: Maker) -> None:
    """`check` refuses to go on without it; `finish` takes everything away all the same."""
    switch = Switch(maker.session)
    switch.check()
    maker.container(maker.labels())
    os.kill(switch.pid, signal.SIGKILL)
    os.waitid(os.P_PID, switch.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(RuntimeUnavailable, match="dead-man's switch ended with exit status -9"):
        switch.check()
    assert switch.finish()
    assert maker.things() == []


def test_a_network_is_removed_with_a_container_of_others_on_it(maker: Maker) -> None:
    """It loses the network, and stays."""
    network = maker.network(maker.labels())
    other = Maker(engine=maker.engine, session=f"{maker.session}-other")
    joined = other.container(other.labels(), network=network)
    try:
        assert Switch(maker.session).finish()
        assert maker.things() == []
        assert [thing.id for thing in other.things()] == [joined]
    finally:
        sweeper.sweep(maker.engine, other.session)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An engine that gives every request the same answer; its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_engine_that_is_gone_is_reported_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tries, then the reason; the switch goes on by itself until its own bound."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    switch = Switch("nobody")
    start_s = now_s()
    assert switch.finish() is False
    # 3 s of pauses between the tries.
    assert 1.0 < now_s() - start_s < 15.0
    assert "absent.sock" in switch.why_left
    os.kill(switch.pid, signal.SIGKILL)
    os.waitpid(switch.pid, 0)


def test_an_engine_that_refuses_is_quoted() -> None:
    """The reason has its answer."""
    with answering(500, b'{"message": "out of order"}') as url:
        left = sweeper.sweep_until_gone(sweeper.Engine(url), "nobody", rounds=1)
    assert "500" in left
    assert "out of order" in left


@pytest.mark.parametrize("body", [b"not json", b"1", b'{"a": 1}'])
def test_an_engine_that_is_none_is_no_reason_to_crash(body: bytes) -> None:
    """Another program listens on the port: reported, not raised."""
    with answering(200, body) as url:
        assert sweeper.sweep_until_gone(sweeper.Engine(url), "nobody", rounds=1)


def test_the_engine_is_found_as_docker_py_finds_it() -> None:
    """By DOCKER_HOST, TLS by its variables; docker-py has one name for every socket."""
    assert engine_address(env={}).url == DEFAULT_URL
    assert engine_address("http+docker://localhost", env={}).url == DEFAULT_URL
    assert engine_address(env={"DOCKER_HOST": "unix:///run/a.sock"}).socket_path == "/run/a.sock"
    plain = engine_address(env={"DOCKER_HOST": "tcp://10.0.0.1:2375", "HOME": "/h"})
    assert (plain.url, plain.certificates) == ("tcp://10.0.0.1:2375", "")
    secured = {"DOCKER_HOST": "tcp://10.0.0.1:2376", "DOCKER_TLS_VERIFY": "1", "HOME": "/h"}
    assert engine_address(env=secured).certificates == "/h/.docker"
    assert engine_address(env=secured | {"DOCKER_CERT_PATH": "/c"}).certificates == "/c"
    assert engine_address("https://10.0.0.1:2376", env=secured).url == "https://10.0.0.1:2376"


def test_an_engine_behind_ssh_is_refused_with_the_fix() -> None:
    """Its published ports would not be on this machine's loopback either."""
    with pytest.raises(
        RuntimeUnavailable, match=r"DOCKER_HOST=ssh://there(.|\n)*unset DOCKER_HOST"
    ):
        engine_address(env={"DOCKER_HOST": "ssh://there"})


@pytest.mark.parametrize("module", [deadman, reaper, sweeper], ids=lambda module: module.__name__)
def test_the_switch_needs_nothing_but_the_standard_library(module: ModuleType) -> None:
    """It runs isolated and without site-packages; anything else would fail once it is too late."""
    code = (
        f"import sys, runpy; runpy.run_path({module.__file__!r}); "
        "print([name for name in sys.modules if name.startswith(('chaoslab', 'docker'))])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_listening_engine_that_never_answers_is_given_up() -> None:
    """Every exchange has its own bound."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        start_s = now_s()
        with pytest.raises(sweeper.EngineError, match="timed out"):
            sweeper.Engine(url, timeout_s=0.3).read("/_ping")
        assert 0.2 < now_s() - start_s < 5.0
