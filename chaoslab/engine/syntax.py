"""What Go's JSON scanner says of text that is no JSON: clients print its words.

Only looked at once Python's decoder has refused a body, so that reading good ones stays quick.
"""

from __future__ import annotations

import itertools

_SPACE = " \t\r\n"
_DIGITS = "0123456789"
_MAX_DEPTH = 10_000
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_KEY = "looking for beginning of object key string"
_VALUE = "looking for beginning of value"
_AFTER = {"{": "after object key:value pair", "[": "after array element"}


class _Complaint(Exception):
    """The text is no JSON; the message is Go's."""


def complaint(body: bytes) -> str | None:
    """Why Go's decoder would refuse the first JSON value of a body; None if it would not."""
    try:
        _Scanner(body.decode("latin-1")).value()  # Go looks at bytes, and shows them so
    except _Complaint as found:
        return str(found)
    return None


class _Scanner:
    """One pass over the text with a stack of what is open; nothing is kept of what is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[str] = []

    def value(self) -> None:
        """Read one whole value, with all that it holds."""
        self._begin()
        while self._open:
            inside, got = self._open[-1], self._next_visible()
            if got == {"{": "}", "[": "]"}[inside]:
                self._open.pop()
            elif got != ",":
                self._refuse(got, _AFTER[inside])
            elif inside == "{":
                self._key(self._next_visible())
            else:
                self._begin()

    def _begin(self) -> None:
        """Up to the end of a value that holds no other, or into the first that does not."""
        while True:
            got = self._next_visible()
            if got not in "{[" or not got:
                self._simple(got)
                return
            self._open.append(got)
            if len(self._open) > _MAX_DEPTH:
                self._refuse(got, "exceeded max depth")
            first = self._next_visible()
            if first == ("}" if got == "{" else "]"):
                self._open.pop()
                return
            if got == "{":
                self._key(first, again=True)
            else:
                self._at -= 1

    def _key(self, got: str, *, again: bool = False) -> None:
        if got != '"':
            self._refuse(got, _KEY)
        self._string()
        colon = self._next_visible()
        if colon != ":":
            self._refuse(colon, "after object key")
        if not again:
            self._begin()

    def _simple(self, got: str) -> None:
        if got == '"':
            self._string()
        elif got in _LITERALS:
            self._literal(_LITERALS[got])
        elif got == "-" or got in _DIGITS:
            self._number(got)
        else:
            self._refuse(got, _VALUE)

    def _string(self) -> None:
        while (got := self._next()) != '"':
            if got < " ":
                self._refuse(got, "in string literal")
            if got == "\\":
                self._escape(self._next())

    def _escape(self, got: str) -> None:
        if got == "u":
            for _ in range(4):
                digit = self._next()
                if digit not in "0123456789abcdefABCDEF":
                    self._refuse(digit, "in \\u hexadecimal character escape")
        elif got not in 'bfnrt\\/"':
            self._refuse(got, "in string escape code")

    def _literal(self, literal: str) -> None:
        for expected in itertools.islice(literal, 1, None):
            got = self._next()
            if got != expected:
                self._refuse(got, f"in literal {literal} (expecting '{expected}')")

    def _number(self, got: str) -> None:
        if got == "-":
            got = self._digit("in numeric literal")
        if got != "0":
            self._skip_digits()
        if self._peek() == ".":
            self._at += 1
            self._digit("after decimal point in numeric literal")
            self._skip_digits()
        if self._peek() in ("e", "E"):
            self._at += 1
            if self._peek() in ("+", "-"):
                self._at += 1
            self._digit("in exponent of numeric literal")
            self._skip_digits()

    def _digit(self, where: str) -> str:
        got = self._next()
        if got not in _DIGITS:
            self._refuse(got, where)
        return got

    def _skip_digits(self) -> None:
        while self._peek() is not None and self._text[self._at] in _DIGITS:
            self._at += 1

    def _peek(self) -> str | None:
        return self._text[self._at] if self._at < len(self._text) else None

    def _next(self) -> str:
        got = self._peek()
        if got is None:
            raise _Complaint("unexpected EOF")
        self._at += 1
        return got

    def _next_visible(self) -> str:
        while (got := self._next()) in _SPACE:
            pass
        return got

    def _refuse(self, got: str, where: str) -> None:
        raise _Complaint(f"invalid character {_quoted(got)} {where}")


def _quoted(character: str) -> str:
    named = {"'": "\\'", '"': '"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f",
             "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}  # fmt: skip
    if character in named:
        return f"'{named[character]}'"
    if character < " " or character == "\x7f":
        return f"'\\x{ord(character):02x}'"
    return f"'{character}'" if character.isprintable() else f"'\\u{ord(character):04x}'"
