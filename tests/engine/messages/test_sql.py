"""SQL texts as statements that can be compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.engine.messages.base import TEXT_CHARACTERS
from chaoslab.engine.messages.sql import statements


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("COMMIT", ["COMMIT"]),
        ("commit;", ["commit"]),
        ("END", ["COMMIT"]),
        ("end transaction ;", ["COMMIT transaction"]),
        ("ENDLESS", ["ENDLESS"]),
        ("", []),
        (" ; ;", []),
        ("-- who\n/* a /* b */ */ COMMIT /* ; */", ["COMMIT"]),
        ("insert  into\n\torders values (1)", ["insert into orders values (1)"]),
        ('INSERT INTO "orders" ("id") VALUES (1)', ["INSERT INTO orders (id) VALUES (1)"]),
        ("insert into t values (';  --'); commit", ["insert into t values (';  --')", "commit"]),
        ("select 'it''s; 1'; commit", ["select 'it''s; 1'", "commit"]),
        (r"select E'a\';b'; commit", [r"select E'a\';b'", "commit"]),
        ("select $$;$$, $a$;$b$;$a$, $1; commit", ["select $$;$$, $a$;$b$;$a$, $1", "commit"]),
        ('select ";" from t; commit', ["select ; from t", "commit"]),
        ("select 'never closed; commit", ["select 'never closed; commit"]),
        ("/* never closed; commit", []),
        (
            "create function f() returns int begin atomic select 1; end; commit",
            ["create function f() returns int begin atomic select 1; end; commit"],
        ),
    ],
)
def test_a_text_is_divided_into_its_statements(sql: str, expected: list[str]) -> None:
    """At semicolons that end a statement, without comments."""
    assert statements(sql) == tuple(expected)


@examples(200)
@given(st.text(st.sampled_from("ab'\"$;-/*\\ \nE1") | st.characters(), max_size=60))
def test_any_text_has_statements(sql: str) -> None:
    """None is empty, and a comment or a semicolon never makes one longer."""
    found = statements(sql)
    assert all(0 < len(each) <= TEXT_CHARACTERS for each in found)
    assert sum(map(len, found)) <= len(sql) + 3 * len(found)


def test_a_statement_is_cut_at_a_length() -> None:
    """So that what is kept of a connection is bounded."""
    assert statements("select " + "x" * 10_000) == (("select " + "x" * 10_000)[:TEXT_CHARACTERS],)
