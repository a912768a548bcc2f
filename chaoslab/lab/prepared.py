"""Runs the `prepare` commands of the apps, before their first boots and past every proxy."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import suppress

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.history.events import Prepared
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import Context
from chaoslab.lab.filled import filled
from chaoslab.machine.trouble import ended_by, last_lines
from chaoslab.model.topology import App
from chaoslab.reason import Reason
from chaoslab.runtimes.base import AppStart, Preparer, RunningApp

FAILED = ErrorCode(
    "prepare.failed",
    "`{command}` failed with {how}",
    "A command of `prepare` ended with an exit status other than 0, or by a signal.",
)
TOO_SLOW = ErrorCode(
    "prepare.too_slow",
    "`{command}` did not end within {within_s:g} s",
    "A command of `prepare` was killed, because it did not end within `prepare_timeout_s`.",
)


async def prepare_apps(context: Context, folder: RunFolder) -> None:
    """Run the `prepare` commands of each app, in order. If an earlier lab of the session has run
    them and kept the services' data, the services have that data, and nothing is run.

    An external system is not prepared. Raises ServiceFailed, with the last lines of the output, if
    a command fails or takes too long.
    """
    preparer = context.runtime.preparer
    apps = [app for app in context.topology.apps.values() if app.prepare]
    if preparer is None or not apps:
        return
    journal = context.journal
    for app in apps:
        begun_s = journal.now()
        if not preparer.restored:
            for number in range(len(app.prepare)):
                await _run(app, number, preparer, context, folder)
        took_s = journal.now() - begun_s
        done = Prepared(
            at_s=begun_s,
            app=app.name,
            took_s=took_s,
            commands=app.prepare,
            restored=preparer.restored,
        )
        journal.append(done)
    if not preparer.restored:
        await preparer.keep()


async def _run(
    app: App, number: int, preparer: Preparer, context: Context, folder: RunFolder
) -> None:
    journal, within_s = context.journal, app.prepare_timeout_s
    what = await filled(
        app,
        app.prepare[number],
        app.env,
        context=context,
        address_of=lambda link: preparer.address(context.services[link.service]),
    )
    journal.mask.learn_boot(what.command, what.env)
    start = AppStart(
        app=app,
        command=what.command,
        env=what.env,
        port=what.port,
        ports=what.ports,
        log=folder.log_path(f"prepare-{app.name}"),
        mask=journal.mask,
    )
    running = await preparer.spawn(start)
    try:
        code = await _code(running, within_s)
        lines = last_lines(running.log_tail())
    finally:
        await running.terminate()
    if code == 0:
        return
    command = shlex.join(what.command)
    reason: Reason = (
        TOO_SLOW(command=command, within_s=within_s)
        if code is None
        else FAILED(command=command, how=ended_by(code))
    )
    fix = "" if code is not None else "set prepare_timeout_s, if the command may take longer"
    where = f"apps.{app.name}.prepare[{number}]"
    raise ServiceFailed(Problem(reason=reason, where=where, fix=fix, lines=lines))


async def _code(running: RunningApp, within_s: float) -> int | None:
    """The exit code of the command; None if it has not ended within that time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await running.wait()
    return None
