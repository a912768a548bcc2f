"""The keys of `[services.<name>]` of kind `mysql`, and the statements that create what they
declare.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.loader.base import Shape
from chaoslab.model.topology import Service
from chaoslab.services.keys import OWN, PASSWORD, Password, name_of
from chaoslab.services.urls import log_in

_OF_THE_SERVER = ("mysql", "sys", "information_schema", "performance_schema")
_Database = Annotated[str, name_of(64, reserved=_OF_THE_SERVER)]
_User = Annotated[str, name_of(32, reserved=("root", "mysql.sys", "mariadb.sys"))]


class MysqlKeys(Shape):
    """The keys of `[services.<name>]` for a service of kind `mysql`."""

    database: _Database = Field(
        default=OWN, description="a string of 1 to 64 bytes, no database of the server itself"
    )
    user: _User = Field(
        default=OWN, description="a string of 1 to 32 bytes, not root, which the lab itself uses"
    )
    password: Password = Field(default=OWN, description=PASSWORD)

    @property
    def account(self) -> str:
        """The statements that create the database and the user, who has all rights in it."""
        who, database = f"{_text(self.user)}@'%'", identifier(self.database)
        return (
            "FLUSH PRIVILEGES;\n"
            f"CREATE DATABASE {database} CHARACTER SET utf8mb4;\n"
            f"CREATE USER {who} IDENTIFIED BY {_text(self.password)};\n"
            f"GRANT ALL ON {granted(self.database)}.* TO {who};\n"
        )


def keys_of(service: Service) -> MysqlKeys:
    """The keys of a service."""
    return MysqlKeys.model_validate(dict(service.settings))


def url_of(user: str, password: str, endpoint: Endpoint, database: str) -> str:
    """The URL of a database through `endpoint`, for a user."""
    return f"mysql://{log_in(user, password)}@{endpoint}/{quote(database, safe='')}"


def identifier(name: str) -> str:
    """A name as an identifier of SQL."""
    return "`" + name.replace("`", "``") + "`"


def granted(database: str) -> str:
    """A database in GRANT and REVOKE, where `_` and `%` would match any characters."""
    for wild in "\\_%":
        database = database.replace(wild, "\\" + wild)
    return identifier(database)


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
