"""Says why no container engine answers: missing, not permitted, not started or too slow; each with
its fix.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket

from chaoslab.errors import ErrorCode, Problem
from chaoslab.runtimes.containers.address import EngineAddress

NOT_FOUND = ErrorCode(
    "engine.not_found",
    "no Docker engine: {socket} not found ({named_by})",
    "The socket of the container engine does not exist.",
)
NOT_LISTENING = ErrorCode(
    "engine.not_listening",
    "no Docker engine listens at {at}",
    "The container engine does not run at its address.",
)
NOT_PERMITTED = ErrorCode(
    "engine.not_permitted",
    "user {user} has no permission to use the Docker engine at {at}",
    "The socket of the container engine may not be used by this user.",
)
TOO_SLOW = ErrorCode(
    "engine.too_slow",
    "the Docker engine at {at} does not answer in time",
    "The container engine does not answer a connection or a request in time.",
)
UNKNOWN_HOST = ErrorCode(
    "engine.unknown_host", "unknown host: {at}", "The name of the engine's host is unknown."
)
UNREACHABLE = ErrorCode(
    "engine.unreachable",
    "no Docker engine at {at}: {cause}",
    "The container engine cannot be reached, for a reason without a code of its own.",
)
_OF_THE_SYSTEM = (
    PermissionError,
    FileNotFoundError,
    ConnectionRefusedError,
    ConnectionResetError,
    BrokenPipeError,
    TimeoutError,
    socket.gaierror,
)
_LOCAL = "or run the same scenarios without Docker: --chaos-runtime=local"


def root_of(error: BaseException) -> BaseException:
    """The operating system's error that an HTTP client has wrapped in `error`; `error` itself if
    none.
    """
    pending, seen = [error], set()
    while pending:
        each = pending.pop(0)
        if isinstance(each, _OF_THE_SYSTEM):
            return each
        if id(each) in seen:
            continue
        seen.add(id(each))
        inner = (each.__cause__, each.__context__, *each.args, getattr(each, "reason", None))
        pending.extend(more for more in inner if isinstance(more, BaseException))
    return error


def no_engine(address: EngineAddress, error: BaseException, *, where: str = "") -> Problem:
    """The problem to report for an engine that does not answer at `address`, with the fix."""
    cause, path = root_of(error), address.socket_path
    at = f"{address.url} ({address.named_by})"
    if isinstance(cause, PermissionError):
        reason, fix = NOT_PERMITTED(user=_user(), at=at), _join(path)
    elif isinstance(cause, FileNotFoundError) and path:
        reason, fix = NOT_FOUND(socket=path, named_by=address.named_by), _install()
    elif isinstance(cause, ConnectionRefusedError):
        reason = NOT_LISTENING(at=at)
        fix = start_command() if path else "start it there, correct or unset DOCKER_HOST"
    elif isinstance(cause, TimeoutError) or "timed out" in str(cause).lower():
        reason = TOO_SLOW(at=at)
        fix = "check the address, or restart it (`systemctl restart docker`)"
    elif isinstance(cause, socket.gaierror):
        reason, fix = UNKNOWN_HOST(at=at), "correct or unset DOCKER_HOST"
    else:
        reason, fix = UNREACHABLE(at=at, cause=str(cause)), "correct DOCKER_HOST"
    return Problem(where=where, reason=reason, fix=f"{fix}; {_LOCAL}")


def start_command() -> str:
    """The text that tells people how to start an installed engine on this machine."""
    if os.path.isdir("/run/systemd/system"):
        return "start it: `sudo systemctl start docker`"
    return "start it: `sudo service docker start`, or `dockerd` in a session of its own"


def _install() -> str:
    return (
        "install one (`sudo apt-get install -y docker.io`, or https://docs.docker.com/engine/) and "
        f"{start_command()}; if it is elsewhere set DOCKER_HOST"
    )


def _join(path: str) -> str:
    group = "docker"
    with contextlib.suppress(OSError, KeyError):
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    return f"join the group that owns it (`sudo usermod -aG {group} {_user()}`) and log in again"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
