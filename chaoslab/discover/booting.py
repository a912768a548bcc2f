"""Boots the app of a lab that is up, finds the port on which it serves HTTP, and times it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from chaoslab.clock import now_s
from chaoslab.discover.asking import answer_of, answers
from chaoslab.discover.findings import PathAnswer
from chaoslab.errors import ChaoslabError, ErrorCode, Problem
from chaoslab.lab.boots import Boots
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.trouble import ended_by
from chaoslab.runtimes.base import RunningApp
from chaoslab.services import kind_of

SETTLED_S = 3.0  # how long an app that answers, but nothing with 2xx, is given to do so
_OTHER_PORT_S = 1.0  # an app may open a port of its own before the one that it was given
_LOOK_EVERY_S = 0.05
_FOREGROUND = (
    "the command must stay in the foreground until it is stopped: leave out an option that makes "
    "it a daemon, or give the command that serves"
)

APP_ENDED = ErrorCode(
    "init.app_ended",
    "the app ended after {after_s:.1f} s by {how}, and did not answer",
    "`chaoslab init` started the app, and it ended before it answered.",
)
NOT_LISTENING = ErrorCode(
    "init.not_listening",
    "the app answered HTTP on no port within {within_s:g} s",
    "`chaoslab init` started the app, and found no port on which it answers HTTP.",
)


class AppFailed(ChaoslabError):
    """The app that `chaoslab init` started did not come to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """One boot that answers. `took_s` is the time from its spawn to its first good answer; to its
    first answer, if none of the paths has a good one: `good` is False then.
    """

    running: RunningApp
    there: Endpoint
    took_s: float
    good: bool = True


class Booting:
    """Boots one app again and again, each time in place of the boot before."""

    def __init__(self, boots: Boots, app: str, *, within_s: float, fix: str) -> None:
        self._boots, self._app, self._within_s, self._fix = boots, app, within_s, fix
        self._over = asyncio.Event()
        self._got = ""  # what came in place of an HTTP answer, for people

    async def boot(self, paths: Sequence[str], port: str = "") -> Booted:
        """Boot the app, and wait for a good answer of one of the paths, at its further port of that
        name. Raises AppFailed if it ends or answers nothing in time.
        """
        await self._boots.run(0, self._over)
        running = self._boots.watches[self._app].watched.running
        there = await self._listening(running)
        asked = running.endpoint_of(port) if port else there
        took_s, good = await self._first_answer(running, asked, paths)
        return Booted(running=running, there=there, took_s=took_s, good=good)

    async def _first_answer(
        self, running: RunningApp, there: Endpoint, paths: Sequence[str]
    ) -> tuple[float, bool]:
        """The seconds from the spawn to the first good answer, and True; to the first answer, and
        False, if no good one comes soon after it. Raises AppFailed if it answers nothing in time.
        """
        answered_s = 0.0
        while now_s() < running.spawned_s + self._within_s:
            found = await answers(there, paths)
            took_s = now_s() - running.spawned_s
            self._check(running)  # else a daemon that it left answers
            if any(each.good for each in found.values()):
                return took_s, True
            self._got = f"on port {there.port}: {next((each.text for each in found.values()), '')}"
            if any(each.status for each in found.values()):
                answered_s = answered_s or took_s
                if took_s > answered_s + SETTLED_S:
                    return answered_s, False
            await asyncio.sleep(_LOOK_EVERY_S)
        raise self._silent(running)

    async def _listening(self, running: RunningApp) -> Endpoint:
        """The address at which the app serves HTTP: the given port, or another that it opened."""
        other_since_s, self._got = 0.0, "no TCP port to which the app listens"
        end_s = running.spawned_s + self._within_s
        while now_s() < end_s:
            self._check(running)
            ports = {each.local_port for each in running.sockets() if each.state == "LISTEN"}
            if running.listens_on in ports:
                return running.endpoint
            if ports:
                other_since_s = other_since_s or now_s()
                if now_s() > other_since_s + _OTHER_PORT_S:
                    for port in takewhile(lambda _: now_s() < end_s, sorted(ports)):
                        there = replace(running.endpoint, port=port)
                        answer = await answer_of(there, "/")
                        if answer.status:
                            return there
                        self._got = f"on port {port}: {answer.error}"
            await asyncio.sleep(_LOOK_EVERY_S)
        raise self._silent(running)

    def _silent(self, running: RunningApp) -> AppFailed:
        reason = NOT_LISTENING(within_s=self._within_s)
        fix = f"give it more time: --start-within; or {self._fix}"
        lines = running.log_tail()
        return AppFailed(
            Problem(
                reason=reason, expected="an answer in HTTP/1", got=self._got, fix=fix, lines=lines
            )
        )

    def _check(self, running: RunningApp) -> None:
        if (code := running.exit_code) is not None:
            after_s = now_s() - running.spawned_s
            reason = APP_ENDED(after_s=after_s, how=ended_by(code))
            fix = self._fix if code else _FOREGROUND
            lines = running.log_tail()
            got = "" if lines else "no output"
            raise AppFailed(Problem(reason=reason, got=got, fix=fix, lines=lines))


def fix_for(kinds: Iterable[str]) -> str:
    """What to do about an app that does not come to answer; `kinds` are those of its services."""
    found = [kind_of(each) for each in kinds]
    fixes = ["set the variables that it needs in front of the command (NAME=value)"]
    if any(each.tables is not None for each in found):
        fixes.append("give a command that makes its tables with --prepare COMMAND")
    if not found:
        fixes.append("name a service that it needs: --service NAME=KIND")
    return "; ".join((*fixes, "or write the file without a start: --no-start"))


def unlike(nowhere: PathAnswer, answer: PathAnswer) -> bool:
    """Whether an answer differs from that of a path that nobody has."""
    return (nowhere.status, nowhere.body) != (answer.status, answer.body)
