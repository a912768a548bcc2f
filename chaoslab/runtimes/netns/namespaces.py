"""The lab's side of its namespaces: starts their first process, and has an agent in each of them.

    app's pod -- veth -- gateway

The proxy engine runs outside, as the servers do. Its listening sockets are made in the gateway, so
an app reaches nothing else. Source: namespaces(7), unshare(1).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaoslab.errors import ErrorCode, InjectionFailed, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.process import end_within, open_private, tail
from chaoslab.machine.trouble import last_lines
from chaoslab.network import HandedSockets
from chaoslab.runtimes.netns import refusals
from chaoslab.runtimes.netns.child import NamespaceAgent

NOT_MADE = ErrorCode(
    "netns.not_made",
    "the lab's network namespaces could not be made: {cause}",
    "The first process of a lab's namespaces ended before its agents answered.",
)
_FIX = "`chaoslab doctor --runtime netns` names what is missing; else use --chaos-runtime=loopback"
# Addresses of RFC 2544, for tests of network devices: no service on the Internet has one.
GATEWAY = "198.18.0.1"
_POD = "198.18.1.{number}"
_ENDS_WITHIN_S = 2.0
_SOCKETS_AT_ONCE = 16
_LOG_LINES = 8
_CAP_SYS_ADMIN = 21  # linux/capability.h
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The network namespace of one app: its agent, and what makes sockets in it."""

    agent: NamespaceAgent
    sockets: HandedSockets


class Namespaces:
    """The namespaces of one lab: a gateway, and a pod for each app.

    All processes in them are in one PID namespace. The kernel ends them when its first process
    ends, and that ends when this process closes its streams or dies.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log
        self.gateway: NamespaceAgent
        self.pods: dict[str, Pod] = {}
        self._engine: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The number of the process that waits for the first process of the namespaces."""
        return self._process.pid

    @classmethod
    def start(
        cls, apps: Sequence[str], *, files: Mapping[str, str], log: Path, env: Mapping[str, str]
    ) -> Namespaces:
        """Begin to make the namespaces, with a pod for each of `apps`; `wait_until_ready` waits.

        `files` maps the path of each file that the apps shall not see to the file in its place.
        `env` is the environment of the agents. Raises RuntimeUnavailable if the program that makes
        them cannot be executed.
        """
        places, ours, theirs = _places(apps)
        asked = json.dumps({"places": places, "files": dict(files)})
        try:
            with open(log, "ab", opener=open_private) as sink:
                process = subprocess.Popen(
                    (*unshare_command(), sys.executable, "-m", "chaoslab.agent", "hold", asked),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    env=with_tools(env),
                    pass_fds=[each.fileno() for each in theirs],
                    start_new_session=True,
                )
        except OSError as error:
            for each in ours:
                each.close()
            raise _not_made(str(error), ()) from None
        finally:
            for each in theirs:
                each.close()
        made = cls(process, log)
        made._connect(apps, ours)
        return made

    def _connect(self, apps: Sequence[str], ours: list[socket.socket]) -> None:
        log = partial(tail, self._log, _LOG_LINES)
        self.gateway = NamespaceAgent(_agent_of(), ours[0], ours[1], None, log)
        self._engine = ours[2]
        for number, app in enumerate(apps):
            requests, answers, spawning, making = ours[3 + 4 * number : 7 + 4 * number]
            agent = NamespaceAgent(_agent_of(app), requests, answers, spawning, log)
            sockets = HandedSockets(making, at_once=_SOCKETS_AT_ONCE)
            self.pods[app] = Pod(agent=agent, sockets=sockets)

    def wait_until_ready(self) -> None:
        """Wait until every agent answers. Blocks.

        Raises RuntimeUnavailable with the cause if this machine does not allow the namespaces.
        """
        try:
            for agent in self._agents():
                agent.wait_until_ready()
        except (RuntimeUnavailable, InjectionFailed) as error:
            raise self._why_not(error) from None

    def _why_not(self, error: Exception) -> RuntimeUnavailable:
        lines = self._log.read_text(errors="replace").strip().splitlines()[-8:]
        return _not_made(lines[-1] if lines else str(error), lines)

    def engine_channel(self) -> socket.socket:
        """The channel through which the proxy engine gets the gateway's sockets; for one engine."""
        channel, self._engine = self._engine, None
        if channel is None:
            raise ServiceFailed(Problem(reason=NOT_MADE(cause="a second engine was requested")))
        return channel

    def _agents(self) -> list[NamespaceAgent]:
        return [self.gateway, *(pod.agent for pod in self.pods.values())]

    def pod_addresses(self) -> dict[str, str]:
        """Maps the address of each pod to the name of its app."""
        return {_POD.format(number=n): app for n, app in enumerate(self.pods, start=1)}

    @property
    def parts(self) -> tuple[NamespaceAgent, ...]:
        """The agents, as parts of the lab that are checked during a run."""
        return tuple(self._agents())

    def close(self) -> None:
        """Close every stream; all processes in the namespaces end."""
        for pod in self.pods.values():
            pod.sockets.close()
        for agent in self._agents():
            agent.close()
        if self._engine is not None:
            self._engine.close()

    async def ended(self) -> int:
        """Wait until the namespaces' first process has ended, kill it if it does not; returns its
        exit code.
        """
        if not await end_within(self._process, _ENDS_WITHIN_S):
            self._process.kill()
        return await asyncio.to_thread(self._process.wait)


def _agent_of(app: str = "") -> str:
    """The name of an app's agent, or of the gateway's, for people."""
    return f"the agent of {app or 'the gateway'}"


def with_tools(env: Mapping[str, str]) -> dict[str, str]:
    """An environment for programs that make namespaces and rules.

    An ordinary user's PATH may lack the folders of `ip` and `iptables`. Messages are not
    translated, because `refusals` reads them.
    """
    return {**env, "PATH": f"{env.get('PATH', os.defpath)}:{_SBIN}", "LC_ALL": "C"}


def unshare_command() -> tuple[str, ...]:
    """The command that runs a program as the first process of new namespaces.

    Root needs no user namespace, and has every user's files only without one. Root of a container
    often lacks the capability for it, and is then like an ordinary user.
    """
    may_without = os.geteuid() == 0 and _is_capable(_CAP_SYS_ADMIN)
    user = () if may_without else ("--user", "--map-current-user", "--keep-caps")
    return ("unshare", *user, "--net", "--pid", "--fork", "--mount-proc", "--kill-child=KILL")


def _is_capable(capability: int) -> bool:
    """Whether this process has a capability, by its number, in effect."""
    with open("/proc/self/status") as file:
        effective = next(line for line in file if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> capability & 1)


def _places(
    apps: Sequence[str],
) -> tuple[list[dict[str, object]], list[socket.socket], list[socket.socket]]:
    """What the first process is given: the places, our ends of its sockets, and its own ends.

    For the gateway its agent's stdin and stdout, and a channel for the engine; for each app the
    same two, a channel to spawn programs, and a channel to make sockets.
    """
    places: list[dict[str, object]] = []
    ours, theirs = [], []
    for number, name in enumerate(map(_agent_of, ("", *apps))):
        kinds = [socket.SOCK_STREAM] * 2 + [socket.SOCK_SEQPACKET] * (1 if number == 0 else 2)
        pairs = [socket.socketpair(socket.AF_UNIX, kind) for kind in kinds]
        ours += [pair[0] for pair in pairs]
        theirs += [pair[1] for pair in pairs]
        requests, answers, *channels = [pair[1].fileno() for pair in pairs]
        address = GATEWAY if number == 0 else _POD.format(number=number)
        place = {"name": name, "address": address, "requests": requests, "answers": answers}
        places.append({**place, "channels": channels})
    return places, ours, theirs


def _not_made(cause: str, lines: Sequence[str]) -> RuntimeUnavailable:
    cause, fix = refusals.limit_reached(cause) or (cause, _FIX)
    return RuntimeUnavailable(
        Problem(reason=NOT_MADE(cause=cause), fix=fix, lines=last_lines(lines) if lines else ())
    )
