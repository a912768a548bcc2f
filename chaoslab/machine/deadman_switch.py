"""Starts and controls the process of a dead-man's switch (`deadman.py`)."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

from chaoslab.clock import now_s
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine import births, deadman
from chaoslab.machine.environment import without_marks
from chaoslab.machine.trouble import Trouble, trouble_of

SWITCH_ENDED = ErrorCode(
    "switch.ended",
    "{name} ended with exit status {exit_code}; a killed test would leave {leaves} behind",
    "The process that removes a dead lab's parts has ended before the lab.",
)
# Switches that still try after `finish` gave up. Python warns of one without a reference.
_LINGERING: list[subprocess.Popen[bytes]] = []


class Cleaner(Protocol):
    """A module that knows what a dead-man's switch removes. It imports nothing of chaoslab."""

    @property
    def __file__(self) -> str | None: ...

    @property
    def MORE_LOOKS_S(self) -> tuple[float, ...]:
        """The pauses, in seconds, before the switch's process calls `clean_up` again."""

    def clean_up(self, words: Sequence[str], lines: Sequence[str], *, again: bool) -> str:
        """Remove everything; returns what is left and why, or the empty string.

        `words` and `lines` say what to remove. `again` is True if `clean_up` was called before.
        """


class DeadMansSwitch:
    """Removes everything that `cleaner` finds: on `finish`, or by itself if this process dies.

    A separate process does this work. `words` say what the cleaner has to remove. `name` and
    `leaves` are words for the error that is raised if that process has ended.
    """

    def __init__(self, cleaner: Cleaner, *words: str, name: str, leaves: str) -> None:
        self._cleaner, self._words, self._name, self._leaves = cleaner, words, name, leaves
        self._lines: list[str] = []
        self._finished = False
        self.why_left = ""
        assert cleaner.__file__ is not None
        self._program = [sys.executable, "-I", "-S", deadman.__file__, cleaner.__file__]
        self._process = subprocess.Popen(
            [*self._program, str(os.getpid()), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=without_marks(),  # or a lab around this one would end it as its part
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        births.remove_birthmark(self._process.pid)  # for the same reason

    @property
    def pid(self) -> int:
        """The number of the switch's own process."""
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeUnavailable if the switch's process has ended: it would then remove
        nothing.
        """
        if (code := self._process.poll()) is not None:
            reason = SWITCH_ENDED(name=self._name, exit_code=code, leaves=self._leaves)
            expected = f"it to run until the lab ends: {' '.join(self._program)}"
            raise RuntimeUnavailable(Problem(reason=reason, expected=expected))

    def trouble(self) -> Trouble | None:
        """What is wrong with the switch's process; None if nothing is."""
        return trouble_of(self._process, (self.pid,), tuple)

    def send_line(self, line: str) -> None:
        """Pass a line to the cleaner in the switch's process. Raises no error if that process has
        ended: `finish` then does its work.
        """
        self._lines.append(line)
        self._write(f"{line}\n")

    def finish(self, limit_s: float) -> bool:
        """Make the switch remove everything now; returns whether nothing is left.

        Waits at most `limit_s` seconds for the switch. If something is left, `why_left` says what
        and why, and the switch keeps trying. If the switch was killed, this process does its work.
        Safe to repeat.
        """
        if self._finished:
            return not self.why_left
        self._finished = True
        self._write("end\n")
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        answer = self._answer(limit_s)
        if answer is None or answer.startswith("left"):
            _LINGERING.append(self._process)
            self.why_left = (answer or f"left no answer within {limit_s:g} s").removeprefix("left ")
            return False
        self._process.wait()
        if answer != "gone":
            self.why_left = self._cleaner.clean_up(self._words, self._lines, again=False)
        return not self.why_left

    def take_over(self) -> bool:
        """Kill the switch's process, and remove everything from this process instead. Blocks.

        Returns True if nothing is left.
        """
        self._process.kill()
        self._process.wait()
        self.why_left = self._cleaner.clean_up(self._words, self._lines, again=True)
        return not self.why_left

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(text.encode())

    def _answer(self, limit_s: float) -> str | None:
        """Wait at most `limit_s` seconds for the one line that the switch's process answers, and
        return it. Empty if the process ended without an answer, None if none comes in time.
        """
        assert self._process.stdout is not None
        end_s, line = now_s() + limit_s, b""
        with self._process.stdout as pipe:
            ready = select.poll()
            ready.register(pipe, select.POLLIN | select.POLLHUP)
            while not line.endswith(b"\n"):
                if not ready.poll(max(0.0, end_s - now_s()) * 1000):
                    return None
                if not (chunk := os.read(pipe.fileno(), 4096)):
                    break
                line += chunk
        return line.decode(errors="replace").strip()
