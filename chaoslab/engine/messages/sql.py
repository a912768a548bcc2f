"""The statements of an SQL text, without comments, in a form that can be compared. Pure."""

from __future__ import annotations

import re

from chaoslab.engine.messages.base import TEXT_CHARACTERS

_TOKEN = re.compile(
    r"""
    (?P<space> \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<end> ; )
    | (?P<name> "[^"]*(?:"|\Z) )
    | (?P<text> [eE]'(?:[^'\\]|\\.)*(?:'|\\?\Z)
        | '[^']*(?:'|\Z)
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z) )
    | (?P<word> \w+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")
# A function's body in SQL: its semicolons end no statement.
_BODY = re.compile(r"\bbegin atomic\b", re.IGNORECASE)
_END = re.compile(r"\Aend\b", re.IGNORECASE)  # as a statement, another word for COMMIT


def statements(text: str) -> tuple[str, ...]:
    """The statements in `text`, at most `TEXT_CHARACTERS` of each.

    Without comments, with single spaces, without the quotes of names. A statement END is returned
    as COMMIT, which it means. An incomplete text is read as far as it goes.
    """
    found: list[str] = []
    parts: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None  # any character is a token
        at = token.end()
        match token.lastgroup:
            case "space" | "comment":
                if token.lastgroup == "comment":
                    at = _after_comment(text, at)
                if parts and parts[-1] != " ":
                    parts.append(" ")
            case "end" if not _BODY.search(_plain(parts)):
                found.append(_plain(parts))
                parts = []
            case "name":
                parts.append(token[0].strip('"'))
            case _:
                parts.append(token[0])
    found.append(_plain(parts))
    return tuple(_END.sub("COMMIT", each, count=1)[:TEXT_CHARACTERS] for each in found if each)


def _plain(parts: list[str]) -> str:
    return "".join(parts).strip()


def _after_comment(text: str, at: int) -> int:
    """The place behind the comment that is open at `at`. Comments may contain comments."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
