"""The source text of a callable, as a plan saves it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable

from chaoslab import printable

MOST_CHARACTERS = 4000


def source_of(call: Callable[..., object]) -> str:
    """The source text of the callable, cut to 4000 characters. Its name if it has no
    source text.
    """
    try:
        text = textwrap.dedent(inspect.getsource(call))
    except (OSError, TypeError):
        text = str(getattr(call, "__qualname__", type(call).__qualname__))
    return printable.cut(text, MOST_CHARACTERS)
