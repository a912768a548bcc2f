"""Drivers are imported at their first use."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaoslab.services.later import Later, loaded

DRIVER = """
import slow_gate
went_on = slow_gate.event.wait(10)
def answer(): return went_on
"""


async def test_the_event_loop_goes_on_while_a_driver_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import waits for the loop: in the loop's own thread it would wait in vain."""
    event = threading.Event()
    (tmp_path / "slow_driver.py").write_text(DRIVER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "slow_gate", SimpleNamespace(event=event))
    monkeypatch.delitem(sys.modules, "slow_driver", raising=False)
    answer = Later("slow_driver", "answer")
    loading = asyncio.create_task(loaded(answer))
    await asyncio.sleep(0)
    event.set()
    await loading
    assert answer() is True
    await loaded(len)  # nothing to import
