"""An app's log: masked, capped, and written by the lab, so that the app never has the file."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from chaoslab.errors import ResultsUnwritable
from chaoslab.history.files import open_file, write_all
from chaoslab.model.mask import Mask

# Of each boot the first and the last part are kept: how it began, and how it ended.
HEAD_BYTES = TAIL_BYTES = 1024 * 1024
LINE_BYTES = 64 * 1024  # a longer line is written in parts
OVERLAP_BYTES = 4096  # so much of a long line waits, since a secret may go on beyond it
_SHOWN_BYTES = 64 * 1024
LEFT_OUT = "[chaoslab left out {} bytes here]"


class AppLog:
    """Takes the output of one boot as it comes and appends it to the log's file.

    What is masked is masked line by line, so that no secret is missed where the output comes in
    pieces. The file holds at most the first and twice the last part, and at the end the first and
    the last. Where it cannot be written, its last lines are still known. For threads.
    """

    def __init__(self, path: Path, mask: Mask) -> None:
        self._mask, self._lock = mask, Lock()
        self._pending = b""
        self._written = self._left_out = 0
        self._recent = bytearray()
        self.taken = 0  # bytes of output so far
        try:
            self._file = open_file(path, append=True)
            self._start = self._end = os.fstat(self._file).st_size
        except ResultsUnwritable:
            self._file, self._start, self._end = -1, 0, 0

    def write(self, data: bytes) -> None:
        """More of its output."""
        with self._lock:
            self.taken += len(data)
            lines = self._pending + data
            end = lines.rfind(b"\n") + 1
            whole, self._pending = self._mask.data(lines[:end]), lines[end:]
            if len(self._pending) > LINE_BYTES:
                long = self._mask.data(self._pending)
                whole += long[:-OVERLAP_BYTES]
                self._pending = long[-OVERLAP_BYTES:]
            self._keep(whole)

    def tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines so far, one that is under way included; of at most 64 KiB."""
        with self._lock:
            shown = bytes(self._recent[-_SHOWN_BYTES:]) + self._mask.data(self._pending)
        text = self._mask.text(shown.decode(errors="replace"))
        return tuple(text.splitlines()[-lines:]) if lines > 0 else ()

    def close(self) -> None:
        """Write what is left and close the file; safe to repeat. The last lines are still known."""
        with self._lock:
            rest, self._pending = self._mask.data(self._pending), b""
            self._keep(rest)
            if self._written > HEAD_BYTES + TAIL_BYTES:
                self._shorten()
            self._give_up()

    def _keep(self, data: bytes) -> None:
        self._recent += data
        if len(self._recent) > 2 * TAIL_BYTES:
            del self._recent[:-TAIL_BYTES]
        if self._file < 0 or not data:
            return
        try:
            write_all(self._file, data)
        except OSError:  # the disk is full: the history says so, and what is here is kept
            self._give_up()
            return
        self._written += len(data)
        self._end += len(data)
        if self._written > HEAD_BYTES + 2 * TAIL_BYTES:
            self._shorten()

    def _shorten(self) -> None:
        """Leave the first part and the last in the file, and between them say what is missing."""
        if self._file < 0:
            return
        if os.fstat(self._file).st_size != self._end:  # a later boot's part follows by now
            self._give_up()
            return
        kept = bytes(self._recent[-TAIL_BYTES:])
        self._left_out += self._written - HEAD_BYTES - len(kept)
        note = f"\n{LEFT_OUT.format(self._left_out)}\n".encode()
        try:
            os.ftruncate(self._file, self._start + HEAD_BYTES)
            write_all(self._file, note + kept)
        except OSError:
            self._give_up()
        self._written = HEAD_BYTES + len(kept)
        self._end = self._start + HEAD_BYTES + len(note) + len(kept)

    def _give_up(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
