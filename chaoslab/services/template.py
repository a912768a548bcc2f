"""Makes a template of a server's data once per machine; each lab unpacks it.

To unpack one tar file takes half the time of copying a thousand files.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine.once import fingerprint, once
from chaoslab.machine.places import cache_folder, make_home
from chaoslab.machine.process import Identity, run_to_end, spawn, tail
from chaoslab.services.base import Stop
from chaoslab.services.programs import ServerBinary

_COMMAND_S = 120.0
_LINES = 12

COMMAND_NOT_RUN = ErrorCode(
    "service.command_not_run",
    "cannot run {command}: {cause}",
    "A command that creates a server's data could not be started, or took too long.",
)
COMMAND_FAILED = ErrorCode(
    "service.command_failed",
    "`{command}` failed with exit status {exit_status}",
    "A command that creates a server's data failed.",
)
NOT_UNPACKED = ErrorCode(
    "service.template_not_unpacked",
    "cannot unpack the template {template}",
    "The template of a server's data cannot be unpacked.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateBuild:
    """The place in which a server's own commands create its first data, and the user who runs them.

    `named_by` is the environment variable with which another program can be chosen.
    """

    kind: str
    named_by: str
    identity: Identity
    env: Mapping[str, str]
    home: Path

    @property
    def data(self) -> Path:
        """The folder of the data, which becomes the template."""
        return self.home / "data"

    def run(self, command: Sequence[str], feed: str = "") -> str:
        """Run a command to its end, with `feed` as its standard input; returns its output.

        Raises ServiceFailed if the command fails or reports an error, with the last lines of its
        output, or if the command takes too long.
        """
        who = self.identity
        try:
            done = subprocess.run(
                command, input=feed, capture_output=True, encoding="utf-8", errors="replace",
                timeout=_COMMAND_S, check=False,
                env=dict(self.env), cwd=self.home, start_new_session=True,
                user=who.uid, group=who.gid, extra_groups=() if who.drops else None,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            reason = COMMAND_NOT_RUN(command=command[0], cause=str(error))
            raise ServiceFailed(Problem(reason=reason, where=self.kind)) from None
        if done.returncode != 0 or "FATAL" in done.stderr or "ERROR" in done.stderr:
            short = " ".join(command[:2])
            raise ServiceFailed(
                Problem(
                    reason=COMMAND_FAILED(command=short, exit_status=done.returncode),
                    where=self.kind,
                    fix=f"if this installation is broken, choose another with {self.named_by}",
                    lines=tuple((done.stdout + done.stderr).splitlines()[-_LINES:]),
                )
            )
        return done.stdout


def template(
    binary: ServerBinary, make: Callable[[TemplateBuild], None], *, kind: str, named_by: str,
    depends_on: Sequence[str], identity: Identity, scratch: Path, env: Mapping[str, str],
) -> Path:  # fmt: skip
    """The path of a tar file of the data that `make` creates.

    The first lab on this machine makes the file, and blocks until it is made. The file is made
    again if the program, its user or one of `depends_on` changes. `scratch` is a folder of the lab
    in which `make` works. Raises ServiceFailed if the file cannot be made.
    """
    home = scratch / f"{kind}-template"
    build = TemplateBuild(kind=kind, named_by=named_by, identity=identity, env=env, home=home)
    user = os.geteuid() if identity.uid is None else identity.uid
    version = fingerprint(binary.path, *depends_on, str(user))
    place = cache_folder(identity) / f"{kind}-data-{binary.number}-{version}.tar"

    def pack(part: Path) -> None:
        make_home(home, identity)
        make(build)
        packer = replace(build, identity=Identity())
        packer.run(["tar", "-cf", str(part), "-C", str(home), "data"])
        part.chmod(0o600)  # the data may have passwords
        shutil.rmtree(home, ignore_errors=True)

    once(place, pack)
    return place


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedServer:
    """The base of servers that run as processes, on a copy of a template of their data."""

    binary: ServerBinary
    template: Path
    identity: Identity
    stop_by: Stop = ((signal.SIGTERM, 10.0),)

    @property
    def version(self) -> str:
        """The server's product, version and origin, as in `MariaDB 10.11.6 (system)`."""
        return self.binary.version

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Unpack the template into `home`; modes and, for root, owners are kept.

        Raises ServiceFailed if it cannot be unpacked.
        """
        log = home / "unpack.log"
        command = ("tar", "-xpf", str(self.template), "-C", str(home))
        if await run_to_end(spawn(command, env=env, log=log)) != 0:
            raise ServiceFailed(
                Problem(
                    reason=NOT_UNPACKED(template=str(self.template)),
                    where=self.binary.product,
                    fix="if the disk has free space, remove that file; the lab creates it again",
                    lines=tuple(tail(log)),
                )
            )
