"""Finds and runs the Compose of this machine: `docker compose` (v2) or docker-compose (1.29)."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.environment import environment
from chaoslab.machine.trouble import last_lines

NOT_FOUND = ErrorCode(
    "compose.not_found",
    "Compose not found (tried {tried})",
    "No Compose command works on this machine.",
)
TOO_SLOW = ErrorCode(
    "compose.too_slow",
    "'{command}' did not end within {within_s:g} s",
    "A Compose command did not end within its limit.",
)
FAILED = ErrorCode(
    "compose.failed",
    "'{command}' failed with exit status {exit_code}",
    "A Compose command failed: it refused the file, or could not build or start the stack.",
)
COMMAND = "CHAOSLAB_COMPOSE"
_USUAL = (("docker", "compose"), ("docker-compose",))
VERSION_WITHIN_S = 30.0
_WORK_S = 600.0  # an image may have to be pulled or built
_LAST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """An installed Compose: its command and its version.

    The lab uses only commands and options that v2 and 1.29 both have. `env` overrides the machine's
    environment.
    """

    command: tuple[str, ...]
    version: str
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{' '.join(self.command)} {self.version}"

    def output_of(self, *words: str, folder: Path) -> str:
        """Run a Compose command; returns its stdout. Blocks.

        Raises ServiceFailed if the command fails, with the last lines of its stderr, or takes too
        long.
        """
        done = _run((*self.command, *words), env=self.env, folder=folder, limit_s=_WORK_S)
        if done is None:
            reason = TOO_SLOW(command=shlex.join(words), within_s=_WORK_S)
            raise ServiceFailed(Problem(where=str(self), reason=reason))
        if done.returncode:
            lines = last_lines(done.stderr.strip().splitlines()[-_LAST_LINES:])
            reason = FAILED(command=shlex.join(words), exit_code=done.returncode)
            raise ServiceFailed(Problem(where=str(self), reason=reason, lines=lines))
        return done.stdout


def installed(
    env: Mapping[str, str] | None = None, *, limit_s: float = VERSION_WITHIN_S
) -> Compose:
    """The Compose of this machine: the command in CHAOSLAB_COMPOSE, else v2, else 1.29.

    `env` overrides the machine's environment. Raises RuntimeUnavailable, with the fix, if no
    command prints its version within `limit_s`.
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
    fix = (
        "install Docker's Compose plugin (`sudo apt-get install docker-compose-plugin`, or "
        "Debian's docker-compose), or `sh docker/airgapped/compose.sh`; "
        "or run the same scenarios without Compose: --chaos-runtime=docker"
    )
    raise RuntimeUnavailable(Problem(reason=NOT_FOUND(tried=tried), fix=fix))


def _run(
    words: Sequence[str], *, env: Mapping[str, str], folder: Path, limit_s: float
) -> subprocess.CompletedProcess[str] | None:
    """Run a command to its end and return its result; None if it took too long and was killed."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**environment(), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Only the lab gets Ctrl-C; it then removes what Compose has made.
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
