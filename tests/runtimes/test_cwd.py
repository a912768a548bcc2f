"""The folder in which an app's command runs as a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chaoslab.errors import ServiceFailed
from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns.runtime import NetnsRuntime

from .namespaces import needs_namespaces

PRINTS = ("./where.sh",)


def _netns(app: App) -> LocalRuntime:
    needs_namespaces()
    return NetnsRuntime([app])


RUNTIMES = pytest.mark.parametrize(
    "open_runtime", [lambda _: LocalRuntime(), _netns], ids=["loopback", "netns"]
)


async def last_words(app: App, open_runtime: Callable[[App], LocalRuntime], log: Path) -> str:
    """The last line that an app prints before it ends."""
    async with open_runtime(app) as runtime:
        start = AppStart(app=app, command=app.command, env={}, port=0, log=log)
        running = await runtime.spawn_app(start)
        assert await running.wait() == 0
        return running.log_tail()[-1]


@RUNTIMES
async def test_a_command_runs_in_its_cwd(
    tmp_path: Path, open_runtime: Callable[[App], LocalRuntime]
) -> None:
    """A relative program is found there, and files are looked for there."""
    folder = tmp_path / "service"
    folder.mkdir()
    (folder / "where.sh").write_text("#!/bin/sh\npwd\n")
    (folder / "where.sh").chmod(0o755)
    app = App(name="a", command=PRINTS, cwd=str(folder))
    assert await last_words(app, open_runtime, tmp_path / "log") == str(folder)


@RUNTIMES
async def test_without_cwd_a_command_runs_in_the_working_directory(
    tmp_path: Path, open_runtime: Callable[[App], LocalRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the test run."""
    monkeypatch.chdir(tmp_path)
    app = App(name="a", command=("pwd",))
    assert await last_words(app, open_runtime, tmp_path / "log") == str(tmp_path)


@RUNTIMES
async def test_a_missing_cwd_is_named_in_the_error(
    tmp_path: Path, open_runtime: Callable[[App], LocalRuntime]
) -> None:
    """The system reports the folder, and the fix names the key."""
    app = App(name="a", command=("pwd",), cwd=str(tmp_path / "absent"))
    with pytest.raises(ServiceFailed) as caught:
        await last_words(app, open_runtime, tmp_path / "log")
    (problem,) = caught.value.problems
    assert problem.code == "program.not_executed"
    assert str(tmp_path / "absent") in problem.fix
    assert "cwd" in problem.fix
