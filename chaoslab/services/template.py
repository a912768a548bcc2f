"""A template of a server's data: made once per machine, and unpacked for each lab.

One tar file is unpacked in half the time that a thousand files are copied.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaoslab.errors import ServiceFailed
from chaoslab.machine.once import fingerprint, once
from chaoslab.machine.places import make_home
from chaoslab.machine.process import Identity, run_to_end, spawn, tail

_COMMAND_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and as whom a server's own commands lay its first data, in the folder `data` of `home`.

    `named_by` is the environment variable that names another program.
    """

    kind: str
    named_by: str
    identity: Identity
    env: Mapping[str, str]
    home: Path

    @property
    def data(self) -> Path:
        """The folder that becomes the template."""
        return self.home / "data"

    def run(self, command: Sequence[str], feed: str = "") -> None:
        """Run a command to its end, with `feed` as its input.

        Raises ServiceFailed with the command's last words if it fails.
        """
        who = self.identity
        try:
            done = subprocess.run(
                command, input=feed, capture_output=True, text=True, timeout=_COMMAND_S,
                check=False, env=dict(self.env), cwd=self.home, start_new_session=True,
                user=who.uid, group=who.gid, extra_groups=() if who.drops else None,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceFailed(f"{self.kind}: cannot run {command[0]}: {error}") from None
        if done.returncode != 0 or "FATAL" in done.stderr or "ERROR" in done.stderr:
            output = (done.stdout + done.stderr).splitlines()
            words = "\n".join(f"  {line}" for line in output[-12:])
            raise ServiceFailed(
                f"{self.kind}: {' '.join(command[:2])} failed with exit status {done.returncode}; "
                f"output:\n{words}\n  if this installation is broken, choose another with "
                f"{self.named_by}"
            )


def template(
    name: str, program: Path, make: Callable[[Workshop], None], *, depends_on: Sequence[str],
    workshop: Workshop, cache: Path,
) -> Path:  # fmt: skip
    """A tar file of the data that `make` lays, by whoever comes first on this machine.

    It is made anew where the program, its user or one of `depends_on` differs. Blocks then. The
    workshop's home is made, and removed. Raises ServiceFailed.
    """
    identity, home = workshop.identity, workshop.home
    user = os.geteuid() if identity.uid is None else identity.uid
    place = cache / f"{name}-{fingerprint(program, *depends_on, str(user))}.tar"

    def pack(part: Path) -> None:
        make_home(home, identity)
        make(workshop)
        packer = replace(workshop, identity=Identity())
        packer.run(["tar", "-cf", str(part), "-C", str(home), "data"])
        shutil.rmtree(home, ignore_errors=True)

    once(place, pack)
    return place


async def unpacked(kind: str, template: Path, home: Path, env: Mapping[str, str]) -> None:
    """Unpack a template into `home`; modes and, for root, owners come along."""
    log = home / "unpack.log"
    command = ("tar", "-xpf", str(template), "-C", str(home))
    if await run_to_end(spawn(command, env=env, log=log)) != 0:
        words = "\n".join(f"  {line}" for line in tail(log))
        raise ServiceFailed(
            f"{kind}: cannot unpack the template {template}:\n{words}\n"
            "  if the disk has free space, remove that file; the lab creates it again"
        )
