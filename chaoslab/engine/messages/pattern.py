"""Which messages a pattern means."""

from __future__ import annotations

from functools import lru_cache

from chaoslab.engine.messages.base import Message

ANY = "*"


class Pattern:
    """A message matches if one of its texts begins with the pattern, where `*` is any text.

    Letters are case-insensitive, spaces count as one, quotes of names do not count. A word at the
    pattern's end is a whole word. A message that sets its connection up matches only a pattern that
    begins with its name.
    """

    def __init__(self, pattern: str) -> None:
        folded = " ".join(pattern.replace('"', "").casefold().split())
        self._first, *self._rest = folded.split(ANY)

    def found(self, message: Message) -> str | None:
        """The text of the message that matches; None if none does."""
        if message.sets_up and not self._first:
            return None
        return next((text for text in message.texts if self._matches(text.casefold())), None)

    def _matches(self, text: str) -> bool:
        if not text.startswith(self._first):
            return False
        at = len(self._first)
        if not self._rest:
            return _ends_word(text, at)
        for part in self._rest[:-1]:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        last = self._rest[-1]
        at = text.find(last, at)
        while at >= 0 and not _ends_word(text, at + len(last)):
            at = text.find(last, at + 1)
        return at >= 0


@lru_cache(maxsize=100)
def pattern_of(text: str) -> Pattern:
    """The Pattern that `text` means."""
    return Pattern(text)


def word_of(text: str) -> str:
    """The first word of a message's text, in upper case: what it does, without what it is about."""
    word = text.partition(" ")[0].upper()[:20]
    return word if word.replace("_", "").replace(".", "").isalnum() and word.isascii() else "?"


def _ends_word(text: str, at: int) -> bool:
    """Whether no word of `text` goes on across the place `at`."""
    return at == 0 or at >= len(text) or not (_in_word(text[at - 1]) and _in_word(text[at]))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
