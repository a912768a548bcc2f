"""Text from outside as it may be shown: one line, no control characters, not too long.

What is recorded keeps its characters, so that a program reads what was there; it is only cut. What
is printed, or stands in a report that people or a CI read, passes `one_line` where it leaves the
lab.
"""

from __future__ import annotations

import re

LINE_CHARACTERS = 2000  # of one printed line; the files of a run have more

# C0, DEL and C1 steer a terminal; the marks and overrides of bidirectional text show a line in
# another order than it has; U+2028 and U+2029 break a line; tags and U+FEFF cannot be seen; half
# of a surrogate pair cannot be written at all.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# A CI obeys such words in what a job prints: GitHub's `::error::` and `##[group]`, Azure's
# `##vso[`, TeamCity's `##teamcity[`. They are broken wherever they stand, since a long line may be
# wrapped just before them.
_COMMAND = re.compile(
    r"""::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher
    |save-state|set-env|set-output|stop-commands|warning)\b) | \#\#(?=[a-z]*\[)""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def cut(text: str, most: int) -> str:
    """The text, or its beginning and a mark where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def one_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """The text on one line, cut at `most` characters; what steers a terminal or a CI is escaped."""
    return _COMMAND.sub(_broken, _UNSEEN.sub(_escaped, cut(text, most)))


def each_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """The same for a text of the lab's own that has several lines: its line breaks stay."""
    return "\n".join(one_line(line, most) for line in text.split("\n"))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _broken(found: re.Match[str]) -> str:
    """The first character of the two as an escape."""
    return f"\\x{ord(found[0][0]):02x}{found[0][1]}"
