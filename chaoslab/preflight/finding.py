"""What a preflight says: what is wrong and how it is fixed, and what was looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass

_USERINFO = re.compile(r"(?<=://)\S*@")
_PASSWORD = re.compile(r"((?:password|passwd|secret|token)\w*=)[^&\s]+", re.IGNORECASE)
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A broken rule: where (`file:line`), what, what was expected, what was got, and the fix."""

    rule: str
    where: str
    what: str
    expected: str = ""
    got: str = ""
    fix: str = ""

    def __str__(self) -> str:
        hints = (
            self.expected and f"expected {self.expected}",
            self.got and f"got {self.got}",
            self.fix,
        )
        hint = "; ".join(each for each in hints if each)
        return f"{self.where}: {self.rule}: {self.what}" + (f"\n  {hint}" if hint else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule that was looked at and held, with the figures that it rests on."""

    rule: str
    said: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """All that came of a deployment file; it may be released where there are no findings."""

    file: str
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


def without_secrets(text: str) -> str:
    """The text without what stands before the '@' of a URL, and without what follows password=."""
    return _PASSWORD.sub(r"\1…", _USERINFO.sub("…@", text))


def masked(text: str) -> str:
    """A text in quotes that may be shown: without secrets, and not too long."""
    text = without_secrets(text)
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
