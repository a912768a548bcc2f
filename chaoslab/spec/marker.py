"""Expressions of markers, as `pytest -m` takes them: `vpc_outage and not (slow or retries)`."""

from __future__ import annotations

import ast

_DEEPEST = 50


def marker_names(expression: str) -> tuple[str, ...]:
    """The markers that an expression names, each once, in their order.

    Takes what pytest takes of Python's identifiers: `and`, `or`, `not`, parentheses, and keyword
    arguments with plain values (`device(serial=1)`). Raises ValueError with what is wrong.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{expression!r}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("nested too deeply") from None
    return tuple(dict.fromkeys(_names(tree.body, 0)))


def _names(node: ast.expr, depth: int) -> list[str]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    match node:
        case ast.BoolOp(values=values):
            return [name for value in values for name in _names(value, depth + 1)]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _names(operand, depth + 1)
        case ast.Name(id=name):
            return [name]
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords) if all(
            word.arg and isinstance(word.value, ast.Constant) for word in keywords
        ):
            return [name]
    raise ValueError(f"'{ast.unparse(node)}' is no marker")
