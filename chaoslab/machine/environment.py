"""The machine's environment variables; no other module reads them."""

from __future__ import annotations

import os

# Every process of a lab has a variable with this prefix in its environment: the lab's mark.
MARK_PREFIX = "CHAOSLAB_LAB_"


def environment() -> dict[str, str]:
    """A copy of this process's environment variables as they are now."""
    return dict(os.environ)  # noqa: TID251


def without_marks() -> dict[str, str]:
    """A copy of this process's environment variables without the marks of labs.

    A lab ends all processes that have its mark. If this process is part of another lab, that lab
    does not end a process with this environment.
    """
    return {
        name: value for name, value in environment().items() if not name.startswith(MARK_PREFIX)
    }
