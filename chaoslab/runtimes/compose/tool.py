"""Compose itself: `docker compose` (v2) or docker-compose (1.29), whichever is here."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.machine.environment import environment

COMMAND = "CHAOSLAB_COMPOSE"
_USUAL = (("docker", "compose"), ("docker-compose",))
VERSION_WITHIN_S = 30.0
_WORK_S = 600.0  # an image may have to be pulled or built
_LAST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """A Compose that answers: how it is called, and what it says its version is.

    Only commands and options that both versions have are used. `env` goes over the machine's.
    """

    command: tuple[str, ...]
    version: str
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{' '.join(self.command)} {self.version}"

    def said(self, *words: str, folder: Path) -> str:
        """What it prints. Raises ServiceFailed with its last lines where it fails. Blocks."""
        done = _run((*self.command, *words), env=self.env, folder=folder, limit_s=_WORK_S)
        if done is None:
            raise ServiceFailed(f"{self}: no end of `{words[-1]}` within {_WORK_S:g} s")
        if done.returncode:
            lines = done.stderr.strip().splitlines()[-_LAST_LINES:]
            raise ServiceFailed(
                f"{self}: `{shlex.join(words)}` failed with exit status {done.returncode}:\n"
                + "\n".join(f"  | {line}" for line in lines or ["(nothing)"])
            )
        return done.stdout


def found(env: Mapping[str, str] | None = None, *, limit_s: float = VERSION_WITHIN_S) -> Compose:
    """The Compose of this machine, v2 before 1.29; CHAOSLAB_COMPOSE names another command.

    `env` is what it is run with beyond the machine's environment. Raises RuntimeUnavailable, with
    the fix, where none answers.
    """
    named = environment().get(COMMAND, "").split()
    for command in (tuple(named),) if named else _USUAL:
        try:
            words = (*command, "version", "--short")
            done = _run(words, env=env or {}, folder=Path("/"), limit_s=limit_s)
        except OSError:  # no such program
            continue
        if done is not None and done.returncode == 0:
            version = done.stdout.strip() or "(no version)"
            return Compose(command=command, version=version, env=env or {})
    tried = " ".join(named) if named else "`docker compose`, `docker-compose`"
    raise RuntimeUnavailable(
        f"Compose not found (tried {tried})\n"
        "  install Docker's Compose plugin (`sudo apt-get install docker-compose-plugin`, or "
        "Debian's docker-compose), or `sh docker/airgapped/compose.sh`; "
        "or run the same scenarios without Compose: --chaos-runtime=docker"
    )


def _run(
    words: Sequence[str], *, env: Mapping[str, str], folder: Path, limit_s: float
) -> subprocess.CompletedProcess[str] | None:
    """Its end, or None where it was killed because it took too long."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**environment(), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Ctrl-C is the lab's to take: what Compose is making is then taken away with the rest.
        start_new_session=True,
    )
    with process:
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)
