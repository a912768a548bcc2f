"""Skips what needs network namespaces where this machine forbids them, with the reason."""

from __future__ import annotations

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.netns import needs


def needs_namespaces() -> None:
    """Skip the test if no lab can make network namespaces and packet rules here."""
    try:
        needs.check()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
