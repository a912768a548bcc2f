"""The machine's environment variables; no other module reads them."""

from __future__ import annotations

import os

# Every process of a lab has a variable with this prefix in its environment: the lab's mark.
MARK_PREFIX = "CHAOSLAB_LAB_"


def environment() -> dict[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)  # noqa: TID251


def without_marks() -> dict[str, str]:
    """The environment without marks, for a process that no lab around this one may end."""
    return {
        name: value for name, value in environment().items() if not name.startswith(MARK_PREFIX)
    }
