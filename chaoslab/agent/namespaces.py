"""The first process of a lab's namespaces: makes a network namespace for each app, and joins them.

`python -m chaoslab.agent hold JSON` runs as process 1 of a new PID namespace, in a new network
namespace, the gateway. It forks an agent for the gateway and one for each app; an app's agent moves
into a network namespace of its own. A veth pair joins each of these with the gateway. The kernel
ends every process in the PID namespace with process 1, which ends as soon as one of the agents
ends: when the lab closes its stream, or dies, or when the agent was killed.

Every address is local to the gateway. So a connect to an address at which the lab has no proxy is
refused at once, and the gateway's agent can count it (`chaoslab.agent.outside`).
Source: namespaces(7), pid_namespaces(7), veth(4), ip(8).
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from chaoslab.agent.main import main

_CLONE_NEWNET = 0x40000000
_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4  # linux/prctl.h
_FAILED = 3
_SETTINGS = {
    # With a limit, the kernel answers only some of the datagrams to a closed port.
    "/proc/sys/net/ipv4/icmp_ratelimit": "0",
    # A new namespace has the machine's value; with 1, one app could reach another.
    "/proc/sys/net/ipv4/ip_forward": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One network namespace: the name of its agent, its address, and descriptors of Unix sockets.

    These are inherited: the agent's stdin and stdout, and its channels.
    """

    name: str
    address: str
    requests: int
    answers: int
    channels: tuple[int, ...]


def hold(text: str) -> NoReturn:
    """Make the namespaces that the JSON `text` describes, and run until an agent ends.

    `text` has `places`, the gateway first, and `files`, which maps the path of a file that all
    programs inside shall see to the file that replaces it. If something fails, the exit code is 3
    and the last line of stderr says what. Later the last line says which agent has ended.
    """
    asked = json.loads(text)
    gateway, *pods = (
        Place(**{**each, "channels": tuple(each["channels"])}) for each in asked["places"]
    )
    try:
        for seen, file in asked["files"].items():
            _run("mount", "--bind", file, seen)
        started = [_forked(pod, (gateway, *pods), own_network=True) for pod in pods]
        _join(gateway, pods, [pid for pid, _ in started])
        for _, ready in started:
            os.write(ready, b".")
        first, _ = _forked(gateway, (gateway, *pods), own_network=False)
    except (OSError, subprocess.CalledProcessError) as error:
        print(_cause(error), file=sys.stderr, flush=True)
        os._exit(_FAILED)
    for place in (gateway, *pods):
        _close(place)
    agents = dict(zip((first, *(pid for pid, _ in started)), (gateway, *pods), strict=True))
    while True:  # process 1 is also the parent of every process whose own parent has ended
        pid, status = os.wait()
        if pid in agents:
            code = os.waitstatus_to_exitcode(status)
            if code != _FAILED:  # else it has printed why
                how = f"exit status {code}" if code >= 0 else f"signal {-code}"
                print(f"{agents[pid].name} ended by {how}", file=sys.stderr, flush=True)
            os._exit(code & 0xFF)


def _forked(place: Place, every: Sequence[Place], *, own_network: bool) -> tuple[int, int]:
    """Fork the agent of a place; returns its process and a pipe.

    With `own_network` the agent is in a new network namespace when this function returns, and
    waits for a byte in the pipe.
    """
    entered, has_entered = os.pipe()
    wait, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        try:
            if own_network:
                _unshare_network()
            os.write(has_entered, b".")
            if own_network and not os.read(wait, 1):
                os._exit(_FAILED)
            if own_network:
                _ip(
                    f"link set lo up\naddr add {place.address}/32 dev eth0\nlink set eth0 up\n"
                    f"route add {every[0].address} dev eth0\n"
                    f"route add default via {every[0].address} dev eth0\n"
                )
                _keep_capabilities_from_programs()
        except (OSError, subprocess.CalledProcessError) as error:
            print(_cause(error), file=sys.stderr, flush=True)
            os._exit(_FAILED)
        _serve(place, every)
    os.close(has_entered)
    os.close(wait)
    alive = os.read(entered, 1)
    os.close(entered)
    if not alive:  # it has printed why
        os._exit(_FAILED)
    return pid, ready


def _serve(place: Place, every: Sequence[Place]) -> NoReturn:
    """Run the agent of the namespace `place` in this process, on the place's descriptors, after
    closing those of the other places. Never returns: the process exits when the agent ends.
    """
    for other in every:
        if other is not place:
            _close(other)
    os.dup2(place.requests, 0)
    os.dup2(place.answers, 1)
    os.close(place.requests)
    os.close(place.answers)
    # Every address is local to the gateway, but a link's proxy listens at one of them.
    main([socket.socket(fileno=each) for each in place.channels], place.address)
    os._exit(0)


def _close(place: Place) -> None:
    for each in (place.requests, place.answers, *place.channels):
        os.close(each)


def _keep_capabilities_from_programs() -> None:
    """Let no program that this agent starts inherit its capabilities, except as root.

    The agent keeps its own: its canaries need ports below 1024.
    """
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)


def _unshare_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(f"a network namespace: {os.strerror(ctypes.get_errno())}")


def _join(gateway: Place, pods: Sequence[Place], pids: Sequence[int]) -> None:
    lines = ["link set lo up", f"addr add {gateway.address}/32 dev lo"]
    lines += ["route add local default dev lo table local"]
    for number, (pod, pid) in enumerate(zip(pods, pids, strict=True)):
        near = f"pod{number}"
        lines += [
            f"link add {near} type veth peer name eth0 netns {pid}",
            f"link set {near} up",
            f"route add {pod.address} dev {near} src {gateway.address} table local",
        ]
    _ip("\n".join(lines) + "\n")
    for path, value in _SETTINGS.items():
        with open(path, "w") as file:
            file.write(value)


def _ip(lines: str) -> None:
    _run("ip", "-batch", "-", given=lines)


def _run(*command: str, given: str = "") -> None:
    subprocess.run(command, input=given.encode(), check=True, stderr=subprocess.PIPE)


def _cause(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return f"{error.cmd[0]}: {'; '.join(said) or f'exit code {error.returncode}'}"
    return str(error)
