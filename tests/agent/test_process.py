"""The agent as a process: it answers every request, and ends when its stdin ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from chaoslab.agent.build_context import content_hash

from .rig import (
    APP,
    PATIENCE_S,
    PROXY,
    Wire,
    agent_in,
    dial,
    enter,
    inside,
    listener,
    needs_namespaces,
    port_of,
)

ASKED = '"asked":"50494e470d0a","answered":true'


async def test_it_reports_its_hash_and_versions() -> None:
    """The hash is that of its build context."""
    async with agent_in() as agent:
        about = await agent.do("about")
    assert about["hash"] == content_hash()
    assert about["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert (about["rules"] is None) is bool(about["why_no_rules"])


@pytest.mark.parametrize(
    ("line", "whose", "error"),
    [
        (b"nonsense", None, "expected a line of JSON"),
        (b"", None, "expected a line of JSON"),
        (b'["ask"]', None, "expected an object"),
        (b'{"id": "a", "do": "dance"}', "a", "expected one of: about, ask"),
        (
            b'{"id": "b", "do": "ask", "asked": "mysql"}',
            "b",
            "expected bytes in hexadecimal digits",
        ),
        (b'{"id": "c", "do": "watch", "on": 1}', "c", "expected true or false"),
        (b'{"id": "d", "x": "%s"}' % (b"x" * (1 << 21)), None, "expected a line of JSON"),
    ],
)
async def test_a_wrong_request_is_answered_with_an_error(
    line: bytes, whose: object, error: str
) -> None:
    """And the next request is answered too."""
    async with agent_in() as agent:
        agent.write(line)
        message = await agent.next_message()
        assert message["id"] == whose
        assert error in message["error"]
        assert await agent.do("watch", on=False) == {}


async def test_a_name_without_an_address_is_no_outage() -> None:
    """It is an error with its fix, not an outcome of the canary."""
    async with agent_in() as agent:
        answer = await agent.answer_to(
            {
                "do": "ask",
                "host": "nobody.invalid",
                "port": 1,
                "asked": "",
                "answered": True,
                "within_s": 0.1,
            }
        )
    assert "'nobody.invalid' has no address in the network of the app" in answer["error"]


@needs_namespaces
async def test_requests_do_not_wait_for_each_other(wire: Wire) -> None:
    """A canary that waits does not delay other requests."""
    async with agent_in(*enter(wire.app)) as agent:
        with listener(wire) as mute:
            slow = asyncio.create_task(
                agent.do(
                    "ask",
                    host=PROXY,
                    port=port_of(mute),
                    asked="50494e470d0a",
                    answered=True,
                    within_s=3.0,
                )
            )
            await asyncio.sleep(0)
            assert await agent.do("watch", on=False) == {}
            assert not slow.done()
            answer = await slow
    assert answer["outcome"] == "silent"
    assert 3.0 <= answer["took_s"] < 3.0 + PATIENCE_S


@needs_namespaces
@pytest.mark.parametrize("how", ["eof", "SIGTERM", "SIGINT"])
async def test_it_ends_with_zero_even_during_a_request(wire: Wire, how: str) -> None:
    """When the lab ends in any way, the pipe is closed."""
    async with agent_in(*enter(wire.app)) as agent:
        with listener(wire) as mute:
            request = f'{{"do":"ask","host":"{PROXY}","port":{port_of(mute)},{ASKED}'
            agent.write(f'{request},"within_s":60}}'.encode())
            assert await agent.do("watch", on=False) == {}
            if how == "eof":
                assert await agent.ends() == 0
            else:
                agent.process.send_signal(getattr(signal, how))
                async with asyncio.timeout(PATIENCE_S):
                    assert await agent.process.wait() == 0


def test_it_ends_when_its_stdout_is_closed() -> None:
    """Even if its stdin is still open, for example in a fork of the lab."""
    read, write = os.pipe()
    command = [sys.executable, "-m", "chaoslab.agent"]
    with subprocess.Popen(command, stdin=read, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"ready":true')
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
    os.close(read)
    os.close(write)


def test_without_a_stdin_it_ends_at_once() -> None:
    """Nothing could end it later."""
    command = [sys.executable, "-m", "chaoslab.agent"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr


@needs_namespaces
async def test_the_apps_sockets_are_sent_when_they_change(wire: Wire) -> None:
    """At once, after each change; never the agent's own or those of Docker's resolver."""
    async with agent_in(*enter(wire.app)) as agent:
        with listener(wire) as server:
            port = port_of(server)
            await agent.do("watch", on=True, every_s=0.005)
            await agent.wait_for_sockets()
            with inside(wire.app):
                app, resolver = (socket.create_server((at, 0)) for at in (APP, "127.0.0.11"))
            with app, resolver:
                mine, here = port_of(app), socket.inet_aton(APP).hex()
                await agent.wait_for_sockets(("LISTEN", mine, 0, here))
                with await dial(wire, port) as client:
                    await agent.wait_for_sockets(
                        ("LISTEN", mine, 0, here), ("ESTABLISHED", port_of(client), port, here)
                    )
                    answer = await agent.do(
                        "ask",
                        host=PROXY,
                        port=port,
                        asked="50494e470d0a",
                        answered=True,
                        within_s=0.2,
                    )
                    assert answer["outcome"] == "silent"
                    assert 601 <= answer["client_port"] <= 999
                    assert agent.messages.empty()
            await agent.wait_for_sockets()
            await agent.do("watch", on=False)
        assert agent.messages.empty()


@needs_namespaces
async def test_a_second_watch_replaces_the_first(wire: Wire) -> None:
    """It sends the present sockets at once; there is one watch, not two."""
    async with agent_in(*enter(wire.app)) as agent:
        for _ in range(3):
            await agent.do("watch", on=True)
            assert (await agent.next_message())["sockets"] == []
        await agent.do("watch", on=False)
        assert agent.messages.empty()
