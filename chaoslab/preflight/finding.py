"""The results of a preflight: broken rules with their fix, and rules that hold."""

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
    """A rule that holds. `text` has the figures that show it."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The results for one deployment file. It passed if there are no findings."""

    file: str
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


def without_secrets(text: str) -> str:
    """The text with the user part of URLs (before '@') and the values of password=… replaced."""
    return _PASSWORD.sub(r"\1…", _USERINFO.sub("…@", text))


def masked(text: str) -> str:
    """The text in quotes for a message: without secrets, and cut at 60 characters."""
    text = without_secrets(text)
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
