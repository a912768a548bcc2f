"""Why no engine answers: absent, not for this user, asleep or too slow, each with its fix."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket

from chaoslab.runtimes.containers.address import EngineAddress

_TELLING = (
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
    """The operating system's own error below the wrappings of HTTP clients, else `error`."""
    pending, seen = [error], set()
    while pending:
        each = pending.pop(0)
        if isinstance(each, _TELLING):
            return each
        if id(each) in seen:
            continue
        seen.add(id(each))
        inner = (each.__cause__, each.__context__, *each.args, getattr(each, "reason", None))
        pending.extend(more for more in inner if isinstance(more, BaseException))
    return error


def no_engine(address: EngineAddress, error: BaseException, *, what: str = "") -> str:
    """The text for an engine that does not answer at `address`: what, expected, and the fix."""
    cause = root_of(error)
    path = address.socket_path
    where = f"{what}: " if what else ""
    asked = f"{address.url} ({address.named_by})"
    if isinstance(cause, PermissionError):
        return (
            f"{where}user {_user()} has no permission to use the Docker engine at {asked}\n"
            f"  {_join(path)}"
        )
    if isinstance(cause, FileNotFoundError) and path:
        return f"{where}no Docker engine: {path} not found ({address.named_by})\n  {_install()}"
    if isinstance(cause, ConnectionRefusedError):
        fix = start_command() if path else "start it there, correct or unset DOCKER_HOST"
        return f"{where}no Docker engine listens at {asked}\n  {fix}; {_LOCAL}"
    if isinstance(cause, TimeoutError) or "timed out" in str(cause).lower():
        return (
            f"{where}the Docker engine at {asked} does not answer in time\n"
            f"  check the address, or restart it (`systemctl restart docker`); {_LOCAL}"
        )
    if isinstance(cause, socket.gaierror):
        return f"{where}unknown host: {asked}\n  correct or unset DOCKER_HOST; {_LOCAL}"
    return f"{where}no Docker engine at {asked}: {cause}\n  correct DOCKER_HOST; {_LOCAL}"


def start_command() -> str:
    """How an engine that is installed is started here."""
    if os.path.isdir("/run/systemd/system"):
        return "start it: `sudo systemctl start docker`"
    return "start it: `sudo service docker start`, or `dockerd` in a session of its own"


def _install() -> str:
    return (
        "install one (`sudo apt-get install -y docker.io`, or https://docs.docker.com/engine/) and "
        f"{start_command()}; if it is elsewhere set DOCKER_HOST; {_LOCAL}"
    )


def _join(path: str) -> str:
    group = "docker"
    with contextlib.suppress(OSError, KeyError):
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
    return (
        f"join the group that owns it (`sudo usermod -aG {group} {_user()}`) and log in again; "
        f"{_LOCAL}"
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
