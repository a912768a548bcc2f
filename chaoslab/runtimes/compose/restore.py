"""Leaving a stack that the lab did not start as it was found, also when the lab dies.

Run as a program this is the lab's keeper: it waits at the other end of a pipe, and where the lab
dies in the middle of a scenario, it restores the stack. The turn at the stack (`turn.py`)
stays taken until it is done, since the keeper holds it too.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from urllib.parse import quote

import httpx

from chaoslab.clock import now_s
from chaoslab.errors import ChaoslabError, ServiceFailed
from chaoslab.model.topology import ServiceKind
from chaoslab.runtimes.compose.servers import StackPostgres, StackRedis
from chaoslab.runtimes.compose.stack import agent_beside
from chaoslab.runtimes.containers.agents import Agent
from chaoslab.runtimes.containers.engine import Engine
from chaoslab.runtimes.containers.problems import told
from chaoslab.runtimes.containers.switch import Switch

_API_S = 5.0
_ANSWERS_WITHIN_S, _LOOK_EVERY_S = 30.0, 0.1
_TRIES, _PAUSE_S = 10, 2.0
_ALL_RULES = (
    "for t in iptables iptables-legacy iptables-nft; do $t-save -t filter; done 2>/dev/null"
)
_GUARDED = re.compile(r":CHAOSLAB-(\d+)-IN ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A service of the stack: its container, its port on loopback, and what a lab uses in it."""

    kind: ServiceKind
    container: str
    published: int
    env: Mapping[str, str] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is needed to restore a stack: every name of a lab's own begins with `prefix`."""

    prefix: str
    api: str
    toxiproxy: str
    agent_image: str
    servers: Mapping[str, Server]

    @classmethod
    def from_json(cls, text: str) -> Facts:
        """As `as_json` wrote it."""
        read = json.loads(text)
        servers = {name: Server(**each) for name, each in read.pop("servers").items()}
        return cls(**read, servers=servers)

    def as_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))


def restore(engine: Engine, facts: Facts, agent: Agent | None, *, mid_lab: bool) -> None:
    """Let every service run again; take away proxies, packet rules and databases of labs.

    `agent` is one in Toxiproxy's namespace; without one it is started. What a numbered database
    of Redis holds is the lab's only in the middle of one (`mid_lab`). Everything is tried; raises
    ServiceFailed with all that failed. Safe to repeat. Blocks.
    """
    problems: list[str] = []

    def tried(work: Callable[[], None]) -> None:
        try:
            work()
        except (ChaoslabError, httpx.HTTPError, TimeoutError) as error:
            problems.append(str(error) or type(error).__name__)

    for name, server in facts.servers.items():
        tried(partial(_run_again, engine, name, server))
    tried(partial(_take_proxies, facts))
    tried(partial(_take_rules, engine, facts, agent))
    for server in facts.servers.values():
        tried(partial(_take_databases, facts, server, mid_lab=mid_lab))
    if problems:
        raise ServiceFailed(
            "the Compose stack, which the lab did not start, could not be left as it was found:\n"
            + "\n".join(f"  {line}" for problem in problems for line in problem.splitlines())
            + f"\n  names of the lab's own there begin with {facts.prefix}"
        )


def _run_again(engine: Engine, name: str, server: Server) -> None:
    with told(f"container {name}"):
        container = engine.docker.containers.get(server.container)
        if container.status == "paused":
            container.unpause()
        elif container.status != "running":
            container.start()


def _take_proxies(facts: Facts) -> None:
    with httpx.Client(base_url=facts.api, timeout=_API_S, trust_env=False) as api:
        for name in api.get("/proxies").raise_for_status().json():
            if name.startswith(facts.prefix):
                api.delete(f"/proxies/{quote(name, safe='')}").raise_for_status()


def _take_rules(engine: Engine, facts: Facts, agent: Agent | None) -> None:
    beside = agent or agent_beside(engine, facts.agent_image, facts.toxiproxy)
    try:
        with told("packet rules in Toxiproxy's namespace"):
            _, said = beside.container.exec_run(["sh", "-c", _ALL_RULES])
        for port in sorted(set(_GUARDED.findall(said.decode(errors="replace")))):
            beside.ask_now("unguard", port=int(port))
    finally:
        if agent is None:
            beside.close()


def _take_databases(facts: Facts, server: Server, *, mid_lab: bool) -> None:
    end_s = now_s() + _ANSWERS_WITHIN_S
    while True:
        try:
            if server.kind == "postgres":
                StackPostgres(server.env).clear_all(server.published, facts.prefix)
            elif mid_lab:
                StackRedis(server.number).clear(server.published, "")
            return
        except ServiceFailed:  # it is starting again
            if now_s() > end_s:
                raise
            time.sleep(_LOOK_EVERY_S)


class Owner:
    """The lab at the other end of our stdin; `busy` has its facts while it is in a scenario."""

    def __init__(self, pid: int) -> None:
        self._pid, self._pending = pid, b""
        self.busy: Facts | None = None
        self.said_end = False
        os.set_blocking(0, False)

    def wait(self) -> None:
        """Return once it said `end`, closed the pipe or died."""
        watched = select.poll()
        watched.register(0, select.POLLIN | select.POLLHUP)
        # A child that it forked may hold the pipe open for ever; hence the pidfd as well.
        with suppress(AttributeError, OSError):
            watched.register(os.pidfd_open(self._pid), select.POLLIN)
        while self._holds_on() and os.getppid() == self._pid:
            watched.poll(1000)
        self._holds_on()

    def _holds_on(self) -> bool:
        try:
            while said := os.read(0, 65_536):
                *lines, self._pending = (self._pending + said).split(b"\n")
                for line in lines:
                    self._take(line.decode())
        except BlockingIOError:
            return not self.said_end
        return False

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        self.said_end = self.said_end or word == "end"
        self.busy = Facts.from_json(rest) if word == "busy" else None


@contextmanager
def _engine(session: str) -> Iterator[Engine]:
    engine = Engine(session)
    switch = Switch(session, engine.base_url)
    try:
        yield engine
    finally:
        engine.close()
        switch.finish()


def main() -> int:
    """Wait for the owner's end, then restore what it left; exit status 0 if nothing is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    session, owner = sys.argv[1], Owner(int(sys.argv[2]))
    owner.wait()
    if owner.said_end or owner.busy is None:
        return 0
    for _ in range(_TRIES):
        with suppress(ChaoslabError):
            with _engine(session) as engine:
                restore(engine, owner.busy, None, mid_lab=True)
            return 0
        time.sleep(_PAUSE_S)
    return 1


if __name__ == "__main__":
    sys.exit(main())
