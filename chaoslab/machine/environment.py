"""The machine's environment: the one place of the lab that reads it."""

from __future__ import annotations

import os

# Every process of a lab has a variable that begins so: its mark.
MARK_PREFIX = "CHAOSLAB_LAB_"


def environment() -> dict[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)  # noqa: TID251


def without_marks() -> dict[str, str]:
    """The environment without marks, for a process that must outlive a lab around this one."""
    return {
        name: value for name, value in environment().items() if not name.startswith(MARK_PREFIX)
    }
