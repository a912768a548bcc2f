"""Keeps notes through one SQLAlchemy session that all requests share, one after another."""

from __future__ import annotations

import os
import threading

from shared.web import FIXED, serve
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
engine = create_engine(URL, connect_args={"connect_timeout": 1})
# Of its own: an engine that sees a lost connection drops its others, and the session loses none.
health = create_engine(URL, connect_args={"connect_timeout": 1})
session = Session(engine)
lock = threading.Lock()


def look() -> dict[str, bool]:
    """Whether Postgres answers on a connection that the session does not use."""
    try:
        with health.connect() as connection:
            connection.execute(text("select 1"))
    except SQLAlchemyError:
        return {"postgres": False}
    return {"postgres": True}


def write(note: str) -> None:
    """Keep a note. Raises SQLAlchemyError if that fails."""
    with lock:
        try:
            session.execute(text("insert into notes values (:id)"), {"id": note})
            session.commit()
        except SQLAlchemyError:
            if FIXED:
                session.rollback()
            raise


if __name__ == "__main__":
    with engine.begin() as first:
        first.execute(text("create table if not exists notes (id text)"))
    serve(look=look, write=write)
