"""A helper process of the lab, such as its proxy server."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine.process import tail
from chaoslab.machine.trouble import Trouble, ended_by, last_lines, trouble_of

HELPER_ENDED = ErrorCode(
    "helper.ended",
    "it ended at start by {how}",
    "A helper process of the lab, such as its proxy server, ended before it answered.",
)


class LocalHelper:
    """A helper process of the lab; its log has stdout and stderr.

    The lab holds its stdin open. The helper should end when its stdin is closed.
    """

    def __init__(self, *, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self._name, self._process, self._log = name, process, log

    @property
    def pid(self) -> int:
        """The number of the helper's process."""
        return self._process.pid

    def trouble(self) -> Trouble | None:
        """What is wrong with the helper's process, which should run until the lab ends; None if
        nothing is.
        """
        return trouble_of(self._process, (self.pid,), self.log_tail)

    def check(self) -> None:
        """Raise ServiceFailed, with the helper's last log lines, if the helper has ended."""
        if (code := self._process.poll()) is not None:
            reason, lines = HELPER_ENDED(how=ended_by(code)), last_lines(self.log_tail())
            raise ServiceFailed(Problem(where=self._name, reason=reason, lines=lines))

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of the helper's log."""
        return tail(self._log, lines)

    def close(self) -> None:
        """Close the helper's stdin; the helper should then end."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
