"""Makes text from outside safe to print: one line, no control characters, not too long.

The history may shorten such text, but escapes nothing in it: programs read the original.
`one_line` is applied to text that is printed, or written into a report for people or a CI.
"""

from __future__ import annotations

import re

LINE_CHARACTERS = 2000  # of one printed line; the files of a run have more

# C0, DEL and C1 control a terminal; marks of bidirectional text change the order in which a line is
# shown; U+2028 and U+2029 break a line; tags and U+FEFF are invisible; half of a surrogate pair
# cannot be encoded.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# A CI executes such commands in the output of a job: GitHub's `::error::` and `##[group]`, Azure's
# `##vso[`, TeamCity's `##teamcity[`. They are escaped anywhere in a line, because a long line may
# be wrapped just before them.
_COMMAND = re.compile(
    r"""::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher
    |save-state|set-env|set-output|stop-commands|warning)\b) | \#\#(?=[a-z]*\[)""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def cut(text: str, most: int) -> str:
    """The text unchanged; if it has more than `most` characters, its beginning and `…`."""
    return text if len(text) <= most else text[: most - 1] + "…"


def one_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """The text on one line, cut at `most` characters, with control characters and CI commands
    escaped.
    """
    return _COMMAND.sub(_escaped_command, _UNSAFE.sub(_escaped, cut(text, most)))


def each_line(text: str, most: int = LINE_CHARACTERS) -> str:
    """The text with `one_line` applied to each of its lines; its line breaks are kept."""
    return "\n".join(one_line(line, most) for line in text.split("\n"))


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped_command(found: re.Match[str]) -> str:
    """The two characters that begin a CI command, with the first one escaped."""
    return f"\\x{ord(found[0][0]):02x}{found[0][1]}"
