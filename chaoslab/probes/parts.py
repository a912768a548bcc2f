"""Watches the lab's own parts: a failed server, proxy or helper is no failure of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chaoslab.errors import ChaoslabError, ServiceFailed
from chaoslab.history.events import LabTrouble
from chaoslab.history.journal import Journal
from chaoslab.machine.trouble import Trouble
from chaoslab.runtimes.parts import Part, ended_problem


class PartsProbe:
    """Records the trouble of each part of the lab: once when the trouble is first observed, and
    once when it is over.

    A part that ended is recorded once. `run` then returns, and `failure` has the error.
    """

    def __init__(self, parts: Sequence[Part], journal: Journal) -> None:
        self._parts, self._journal = parts, journal
        self.failure: ChaoslabError | None = None

    async def run(self) -> None:
        """Check every part until cancelled, or until one of them has ended."""
        tasks = [asyncio.create_task(self._watch(part)) for part in self._parts]
        try:
            while tasks:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def check_once(self) -> None:
        """Check every part once more, and record trouble that began since its last check."""
        for part in self._parts:
            trouble = await part.trouble()
            if trouble is not None and trouble.ended and self.failure is None:
                self._ended(part, trouble)
            elif trouble is not None:
                self._note(part, self._journal.now(), trouble.what)

    async def _watch(self, part: Part) -> None:
        """Record the trouble of one part; return once the part has ended."""
        begun: tuple[float, str] | None = None
        while True:
            looked_s = self._journal.now()
            trouble = await part.trouble()
            if trouble is not None and trouble.ended:
                self._ended(part, trouble)
                return
            if trouble is not None and begun is None:
                begun = looked_s, trouble.what
                self._note(part, *begun)
            elif trouble is None and begun is not None:
                self._note(part, *begun, lasted_s=self._journal.now() - begun[0])
                begun = None
            await asyncio.sleep(part.look_every_s)

    def _ended(self, part: Part, trouble: Trouble) -> None:
        self._note(part, self._journal.now(), trouble.what)
        self.failure = trouble.error or ServiceFailed(ended_problem(part.name, trouble))

    def _note(
        self, part: Part, at_s: float, what: str, lasted_s: float | None = None
    ) -> None:  # fmt: skip
        self._journal.append(LabTrouble(at_s=at_s, part=part.name, what=what, lasted_s=lasted_s))
