"""The keys of `[services.<name>]` of kind `postgres`, and the statements that create what they
declare.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chaoslab.model.loader.base import Shape, rule
from chaoslab.model.topology import Service
from chaoslab.services.keys import OWN, PASSWORD, Password, name_of

SUPERUSER = "postgres"
_LONGEST_BYTES = 63
_Database = Annotated[str, name_of(_LONGEST_BYTES, reserved=("postgres", "template0", "template1"))]
_User = Annotated[
    str,
    name_of(_LONGEST_BYTES, reserved=(SUPERUSER, "public", "none")),
    rule(lambda name: not name.lower().startswith("pg_")),
]
_Extension = Annotated[str, name_of(_LONGEST_BYTES)]


class PostgresKeys(Shape):
    """The keys of `[services.<name>]` for a service of kind `postgres`."""

    database: _Database = Field(
        default=OWN,
        description="a string of 1 to 63 bytes, not postgres, template0 or template1",
    )
    user: _User = Field(
        default=OWN,
        description=f"a string of 1 to 63 bytes, not {SUPERUSER} (the lab's own superuser) or pg_…",
    )
    password: Password = Field(default=OWN, description=PASSWORD)
    extensions: list[_Extension] = Field(
        default_factory=list, description='a list of names, as in ["pgcrypto", "uuid-ossp"]'
    )

    @property
    def checks_password(self) -> bool:
        """Whether the server checks the password of the user. It does not check the lab's own: to
        hash a password takes time in each connect.
        """
        return bool(self.password) and "password" in self.model_fields_set

    @property
    def role(self) -> str:
        """The statement that creates the user, who is no superuser."""
        secret = f" PASSWORD {_text(self.password)}" if self.password else ""
        return f"CREATE ROLE {identifier(self.user)} LOGIN{secret}"


def keys_of(service: Service) -> PostgresKeys:
    """The keys of a service."""
    return PostgresKeys.model_validate(dict(service.settings))


def create_extension(name: str) -> str:
    """The statement that creates an extension, and those that it needs."""
    return f"CREATE EXTENSION IF NOT EXISTS {identifier(name)} CASCADE"


def identifier(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    # With `standard_conforming_strings`, the default, a backslash is a character like any other.
    return "'" + text.replace("'", "''") + "'"
