"""Expressions of markers, as `pytest -m` takes them: `vpc_outage and not (slow or retries)`."""

from __future__ import annotations

import ast
from collections.abc import Collection

_DEEPEST = 50


def marker_names(expression: str) -> tuple[str, ...]:
    """The markers that an expression names, each once, in order.

    An expression has what pytest allows: identifiers, `and`, `or`, `not`, parentheses, and keyword
    arguments with plain values (`device(serial=1)`). Raises ValueError with the problem if it has
    anything else.
    """
    return tuple(dict.fromkeys(_names(_tree(expression), 0)))


def may_select(expression: str, markers: Collection[str]) -> bool:
    """Whether the expression selects a test with these markers. Arguments of markers are ignored.

    Raises ValueError with the problem if the text is no expression.
    """
    marker_names(expression)
    return _holds(_tree(expression), markers)


def _tree(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{expression!r}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("nested too deeply") from None


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
    raise ValueError(f"'{ast.unparse(node)}' is not a marker")


def _holds(node: ast.expr, markers: Collection[str]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value, markers) for value in values)
        case ast.BoolOp(values=values):
            return any(_holds(value, markers) for value in values)
        case ast.UnaryOp(operand=operand):
            return not _holds(operand, markers)
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
            return name in markers
    raise AssertionError(ast.dump(node))
