"""Which messages a pattern means."""

from __future__ import annotations

import pytest

from chaoslab.engine.messages.base import Message
from chaoslab.engine.messages.pattern import Pattern, word_of


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("COMMIT", "commit", True),
        ("COMMIT", "COMMIT TRANSACTION", True),
        ("COMMIT", "COMMITTED", False),
        ("COMMIT", "ROLLBACK", False),
        ("insert into orders", "INSERT INTO orders VALUES (1)", True),
        ("INSERT INTO orders", "INSERT INTO orders(id) VALUES (1)", True),
        ("INSERT INTO orders", "INSERT INTO orders_archive VALUES (1)", False),
        ('INSERT  INTO "orders"', "insert into orders (id)", True),
        ("INSERT INTO", "WITH x AS (SELECT 1) INSERT INTO orders SELECT 1", False),
        ("*INSERT INTO orders", "WITH x AS (SELECT 1) INSERT INTO orders SELECT 1", True),
        ("SELECT*FOR UPDATE", "SELECT 1 FROM t FOR UPDATE SKIP LOCKED", True),
        ("SELECT*FOR UPDATE", "SELECT 1 FROM t", False),
        ("*ab*b", "abbc abb", True),
        ("*b", "bb ba", True),
        ("*", "anything", True),
        ("*", "", True),
        ("BRPOP jobs", "BRPOP jobs 0", True),
        ("BRPOP jobs", "BRPOP jobs:high 0", True),
        ("BRPOP jobs", "BRPOP jobsite 0", False),
        ("SET a:", "SET a:b 1", True),
    ],
)
def test_a_pattern_is_how_a_text_begins(pattern: str, text: str, matches: bool) -> None:
    """With whole words at its end; a star is any text."""
    assert (Pattern(pattern).found(Message((text,))) is not None) is matches


def test_any_of_the_statements_of_a_message_may_match() -> None:
    """The one that does is returned."""
    message = Message(("BEGIN", "INSERT INTO t", "COMMIT"))
    assert Pattern("commit").found(message) == "COMMIT"


def test_a_message_that_sets_up_a_connection_must_be_named() -> None:
    """Else the first command of the app would be one of its driver."""
    ping = Message(("PING",), sets_up=True)
    assert Pattern("*").found(ping) is None
    assert Pattern("*P").found(ping) is None
    assert Pattern("PING").found(ping) == "PING"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("insert into t values ('secret')", "INSERT"),
        ("JSON.SET k", "JSON.SET"),
        ("", "?"),
        ("é", "?"),
    ],
)
def test_the_word_of_a_message_has_nothing_of_its_values(text: str, word: str) -> None:
    """It is recorded, and values may be secret."""
    assert word_of(text) == word
