"""JMESPath expressions for values in the JSON of an answer. Pure.

Source: the JMESPath specification (jmespath.org).
"""

from __future__ import annotations

from functools import lru_cache

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

# What a function of an expression raises for a value that it does not take, such as `ceil` of NaN.
_UNFIT = (JMESPathError, ArithmeticError, RecursionError, TypeError, ValueError)


def is_expression(text: str) -> bool:
    """Whether the text is a JMESPath expression."""
    try:
        _compiled(text)
    except JMESPathError:
        return False
    return True


def value_at(expression: str, value: object) -> object:
    """The value at an expression. None if there is none, if the text is no expression, or if a
    function of the expression does not take what is there.
    """
    try:
        return _compiled(expression).search(value)
    except _UNFIT:
        return None


@lru_cache(maxsize=256)
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)
