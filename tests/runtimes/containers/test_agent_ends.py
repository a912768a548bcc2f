"""What is reported of an agent whose stream has ended, without an engine."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from chaoslab.runtimes.containers.agents import ContainerAgent
from chaoslab.runtimes.containers.problems import EngineGone

requests = pytest.importorskip("requests")
RUNS = {"State": {"Running": True}}
KILLED = {"State": {"Running": False, "ExitCode": 137, "OOMKilled": False, "Error": ""}}


def agent_whose_engine_answers(*answers: object) -> ContainerAgent:
    """An agent whose stream has ended; the engine gives these answers, the last one for ever."""
    left = list(answers)

    def inspect(_: str) -> object:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    ours, theirs = socket.socketpair()
    theirs.close()
    api = SimpleNamespace(inspect_container=inspect)
    container = SimpleNamespace(
        name="it", id="1", client=SimpleNamespace(api=api), attach_socket=lambda **_: ours
    )
    return ContainerAgent(container)  # type: ignore[arg-type]


async def test_an_engine_that_ends_after_the_stream_is_the_cause() -> None:
    """Its last answer, that the agent runs, came on a connection that was cut a moment later."""
    agent = agent_whose_engine_answers(RUNS, requests.exceptions.ConnectionError("refused"))
    agent._reader.join(5.0)
    trouble = await agent.trouble()
    agent.close()
    assert trouble is not None
    assert trouble.ended
    assert isinstance(trouble.error, EngineGone)


async def test_an_agent_that_ends_after_its_stream_tells_by_what() -> None:
    """The engine may still call it running when the stream ends."""
    agent = agent_whose_engine_answers(RUNS, KILLED)
    agent._reader.join(5.0)
    trouble = await agent.trouble()
    agent.close()
    assert trouble is not None
    assert (trouble.what, trouble.ended) == ("it ended by SIGKILL", True)
