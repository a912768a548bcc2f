"""The machine's environment: the one place of the lab that reads it."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """A copy of the environment as it is now."""
    return dict(os.environ)  # noqa: TID251
