"""An app's log: the lab writes it, masks secrets in it, and limits its size."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from chaoslab.errors import ResultsUnwritable
from chaoslab.history.files import open_file, write_all
from chaoslab.model.mask import Mask

# The first and the last part of each boot's output are kept.
HEAD_BYTES = TAIL_BYTES = 1024 * 1024
LINE_BYTES = 64 * 1024  # a longer line is written in parts
OVERLAP_BYTES = 4096  # held back of a long line, since a secret may continue after it
_SHOWN_BYTES = 64 * 1024
LEFT_OUT = "[chaoslab left out {} bytes here]"


class AppLog:
    """Appends the output of one boot to the log's file. Thread-safe.

    Secrets are masked line by line, so that none is missed if the output comes in pieces. While the
    boot runs, the file keeps at most `HEAD_BYTES` and twice `TAIL_BYTES` of it; after `close`, the
    first `HEAD_BYTES` and the last `TAIL_BYTES`. If the file cannot be written, `tail` still works.
    """

    def __init__(self, path: Path, mask: Mask) -> None:
        self._mask, self._lock = mask, Lock()
        self._pending = b""
        self._written = self._left_out = 0
        self._recent = bytearray()
        self.taken = self.lines = 0  # bytes and ends of lines in the output so far
        try:
            self._file = open_file(path, append=True)
            self._start = self._end = os.fstat(self._file).st_size
        except ResultsUnwritable:
            self._file, self._start, self._end = -1, 0, 0

    def write(self, data: bytes) -> None:
        """Append a piece of the boot's output to the log."""
        with self._lock:
            self.taken += len(data)
            self.lines += data.count(b"\n")
            lines = self._pending + data
            end = lines.rfind(b"\n") + 1
            masked, self._pending = self._mask.data(lines[:end]), lines[end:]
            if len(self._pending) > LINE_BYTES:
                long = self._mask.data(self._pending)
                masked += long[:-OVERLAP_BYTES]
                self._pending = long[-OVERLAP_BYTES:]
            self._keep(masked)

    def tail(self, lines: int = 15) -> tuple[str, ...]:
        """The last lines of the output so far, at most 64 KiB, with an unfinished line; secrets
        are masked.
        """
        with self._lock:
            shown = bytes(self._recent[-_SHOWN_BYTES:]) + self._mask.data(self._pending)
        text = self._mask.text(shown.decode(errors="replace"))
        return tuple(text.splitlines()[-lines:]) if lines > 0 else ()

    def close(self) -> None:
        """Write the output that is still held back, and close the file. Safe to repeat. `tail`
        still works.
        """
        with self._lock:
            rest, self._pending = self._mask.data(self._pending), b""
            self._keep(rest)
            if self._written > HEAD_BYTES + TAIL_BYTES:
                self._shorten()
            self._close_file()

    def _keep(self, data: bytes) -> None:
        self._recent += data
        if len(self._recent) > 2 * TAIL_BYTES:
            del self._recent[:-TAIL_BYTES]
        if self._file < 0 or not data:
            return
        try:
            write_all(self._file, data)
        except OSError:  # the disk is full; the history records that
            self._close_file()
            return
        self._written += len(data)
        self._end += len(data)
        if self._written > HEAD_BYTES + 2 * TAIL_BYTES:
            self._shorten()

    def _shorten(self) -> None:
        """Keep the first and the last part of the output in the file, with a note between them that
        says how many bytes were left out.
        """
        if self._file < 0:
            return
        if os.fstat(self._file).st_size != self._end:  # a later boot has appended to the file
            self._close_file()
            return
        kept = bytes(self._recent[-TAIL_BYTES:])
        self._left_out += self._written - HEAD_BYTES - len(kept)
        note = f"\n{LEFT_OUT.format(self._left_out)}\n".encode()
        try:
            os.ftruncate(self._file, self._start + HEAD_BYTES)
            write_all(self._file, note + kept)
        except OSError:
            self._close_file()
        self._written = HEAD_BYTES + len(kept)
        self._end = self._start + HEAD_BYTES + len(note) + len(kept)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
