"""A start without Postgres, and a good one."""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Severed, expect, when


@pytest.mark.parametrize("mode", ["refused", "silent"])
async def test_path_is_severed(chaos: Chaos, mode: str) -> None:
    """The process ends, says why, and its exit code makes its supervisor start it again."""
    await chaos.run(
        Severed(target="postgres", mode=mode, stop=when.exited()),
        expect=[
            expect.FailsFast(
                naming=("postgres",), cause=("timeout", "timed out", "refused"), exit_code=3
            ),
            expect.ComesBack(),
        ],
    )


async def test_on_a_good_day(chaos: Chaos) -> None:
    """It starts."""
    await chaos.run(expect=[expect.Starts(mode="normal")])
