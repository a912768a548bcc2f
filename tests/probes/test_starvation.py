"""The kernel's figures of an app that waits for a processor core."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaoslab.history.events import AppStarved
from chaoslab.probes.base import Watched
from chaoslab.probes.starvation import StarvationProbe

from .rig import Here, until, watching


def waited(proc: Path, watched: Watched, waited_s: float) -> None:
    """The kernel's account of the process: on a core, waiting (both in ns), turns."""
    (proc / str(watched.running.pid)).mkdir(exist_ok=True)
    account = f"1000000 {int(waited_s * 1e9)} 17\n"
    (proc / str(watched.running.pid) / "schedstat").write_text(account)


async def test_a_wait_for_a_core_is_written_down_with_its_time(tmp_path: Path) -> None:
    """Of the time since the spawn first, then of the time since the look before."""
    over = asyncio.Event()
    async with watching(tmp_path, Here(1)) as watched:
        waited(tmp_path, watched, 0.3)
        running = asyncio.create_task(StarvationProbe(watched, tmp_path).run(over))
        first = await until(watched.journal, lambda e: isinstance(e, AppStarved))
        waited(tmp_path, watched, 0.7)
        await until(watched.journal, lambda e: isinstance(e, AppStarved) and e is not first)
        over.set()
        await running
    one, two = watched.journal.history.of(AppStarved)
    assert (one.app, one.boot) == ("app", 1)
    assert abs(one.waited_s - 0.3) < 1e-6
    assert abs(two.waited_s - 0.4) < 1e-6
    # half a second each, and what the machine adds
    assert 0.4 <= one.over_s < 5.0
    assert 0.4 <= two.over_s < 5.0
    assert one.at_s + two.over_s == two.at_s


async def test_an_app_that_hardly_waits_is_not_written_down(tmp_path: Path) -> None:
    """Some milliseconds are any machine's; and the last look is one as well."""
    over = asyncio.Event()
    async with watching(tmp_path, Here(1)) as watched:
        waited(tmp_path, watched, 0.01)
        running = asyncio.create_task(StarvationProbe(watched, tmp_path).run(over))
        await asyncio.sleep(0.7)
        assert not list(watched.journal.history.of(AppStarved))
        waited(tmp_path, watched, 5.0)
        over.set()
        await running
    (last,) = watched.journal.history.of(AppStarved)
    assert last.waited_s > 4.0


async def test_nothing_is_claimed_where_the_kernel_does_not_tell(tmp_path: Path) -> None:
    """No such file, or none that can be read: an engine on another machine, another kernel."""
    async with watching(tmp_path, Here(1)) as watched:
        for content in (None, "", "one two three"):
            if content is not None:
                waited(tmp_path, watched, 0.0)
                (tmp_path / str(watched.running.pid) / "schedstat").write_text(content)
            async with asyncio.timeout(5.0):
                await StarvationProbe(watched, tmp_path).run(asyncio.Event())
    assert not watched.journal.history.events
