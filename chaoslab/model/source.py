"""The source text of a callable, as a plan keeps it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable

from chaoslab import printable

MOST_CHARACTERS = 4000


def source_of(call: Callable[..., object]) -> str:
    """The text that defines it, cut; its name where there is no text, as of a built-in."""
    try:
        text = textwrap.dedent(inspect.getsource(call))
    except (OSError, TypeError):
        text = str(getattr(call, "__qualname__", type(call).__qualname__))
    return printable.cut(text, MOST_CHARACTERS)
