"""A boot as seen from outside: spawn → bind → first answer → start-up complete → ready, or exit."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from chaoslab.history.events import (
    Bound,
    Exited,
    FirstAnswer,
    Ready,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.probes.base import Watched
from chaoslab.probes.health import Answer, ask_health

BIND_POLL_S = 0.01
ANSWER_POLL_S = 0.02
READY_POLL_S = 0.05
ANSWER_TIMEOUT_S = 1.0


class BootProbe:
    """Follows one boot until it is ready; the exit is watched by `watch_exit` beside it."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._journal = watched.journal
        self._who: dict[str, Any] = {"app": watched.app.name, "boot": watched.boot}

    async def run(self) -> None:
        """Write down each stage when it is first seen; returns when the app is ready."""
        await self._until_bound()
        await self._until_complete()
        await self._until_ready()

    async def _until_bound(self) -> None:
        """LISTEN as the kernel shows it: no connect of the lab's can be taken for the app's."""
        port = self._watched.running.endpoint.port
        while True:
            sockets = self._watched.running.sockets()
            if any(s.state == "LISTEN" and s.local_port == port for s in sockets):
                break
            await asyncio.sleep(BIND_POLL_S)
        self._journal.append(Bound(at_s=self._journal.now(), **self._who))

    async def _until_complete(self) -> None:
        answered = False
        while True:
            answer = await ask_health(self._watched, timeout_s=ANSWER_TIMEOUT_S)
            if answer.status_code is not None and not answered:
                answered = True
                self._journal.append(
                    FirstAnswer(
                        at_s=self._journal.now(), status_code=answer.status_code, **self._who
                    )
                )
            if await self._is_complete(answer):
                self._journal.append(
                    StartupComplete(at_s=self._journal.now(), state=answer.state, **self._who)
                )
                return
            await asyncio.sleep(ANSWER_POLL_S)

    async def _is_complete(self, answer: Answer) -> bool:
        if answer.status_code is None or not 200 <= answer.status_code < 300:
            return False
        if self._watched.app.health.startup_path is None:
            return True
        snapshot = await self.snapshot()
        if snapshot is None or not snapshot.complete:
            return False
        self._journal.append(snapshot)
        return True

    async def snapshot(self) -> StartupSnapshot | None:
        """What the start-up path publishes now; None where it has no such path or no answer."""
        path = self._watched.app.health.startup_path
        if path is None:
            return None
        try:
            url, timeout_s = self._watched.url(path), ANSWER_TIMEOUT_S
            body = (await self._watched.client.get(url, timeout=timeout_s)).json()
        except (httpx.HTTPError, ValueError, OSError):
            return None
        if not isinstance(body, dict):
            return None
        return StartupSnapshot(
            at_s=self._journal.now(),
            complete=body.get("startup_complete") is True,
            failed=body.get("startup_failed") is True,
            mode=body.get("startup_mode"),
            completed_phases=_names(body.get("startup_completed_phases")),
            degraded_phases=_names(body.get("startup_degraded_phases")),
            failed_phases=_names(body.get("startup_failed_phases")),
            phase_timings_s=_timings(body.get("startup_phase_timings")),
            **self._who,
        )

    async def _until_ready(self) -> None:
        path = self._watched.app.health.ready_path
        while path is not None:
            try:
                url, timeout_s = self._watched.url(path), ANSWER_TIMEOUT_S
                response = await self._watched.client.get(url, timeout=timeout_s)
                if response.is_success:
                    break
            except (httpx.HTTPError, OSError):
                pass  # not ready is what a failed answer means
            await asyncio.sleep(READY_POLL_S)
        self._journal.append(Ready(at_s=self._journal.now(), **self._who))


async def watch_exit(watched: Watched, asked: asyncio.Event) -> None:
    """Write down the end of the process, with its last log lines; `asked` tells the lab's own."""
    code = await watched.running.wait()
    watched.journal.append(
        Exited(
            at_s=watched.journal.now(),
            app=watched.app.name,
            boot=watched.boot,
            exit_code=code,
            asked=asked.is_set(),
            log_tail=watched.running.log_tail(),
        )
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _timings(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {}
    return {str(k): float(v) for k, v in value.items() if isinstance(v, int | float)}
