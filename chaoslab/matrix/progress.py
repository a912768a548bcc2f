"""The progress lines of a matrix: what is over, how much is left, and for how long."""

from __future__ import annotations

from collections.abc import Callable

from chaoslab.model.cell import Cell


class Progress:
    """Counts the cells that are over, and prints a line for each."""

    def __init__(self, total: int, workers: int, say: Callable[[str], None]) -> None:
        self._total, self._workers, self._say = total, workers, say
        self._took_s: list[float] = []

    def over(self, cell: Cell, sentence: str, took_s: float, *, again: bool = False) -> None:
        """Note that a cell is over after `took_s` seconds. `again`: it was counted before."""
        if not again:
            self._took_s.append(took_s)
        count = len(self._took_s)
        self._say(f"{count}/{self._total} {cell.name} ({took_s:.0f} s{self._left()}): {sentence}")

    def _left(self) -> str:
        left = self._total - len(self._took_s)
        if not left or len(self._took_s) < 2:
            return ""
        mean_s = sum(self._took_s) / len(self._took_s)
        return f", about {mean_s * left / self._workers:.0f} s left"
