"""Which program of MariaDB, MySQL or RabbitMQ runs, and the error where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.process import Identity
from chaoslab.services.mysql import local as mysql
from chaoslab.services.mysql.keys import MysqlKeys
from chaoslab.services.programs import ServerBinary
from chaoslab.services.rabbitmq import local as rabbitmq
from chaoslab.services.rabbitmq.keys import RabbitKeys


def program(path: Path, says: str = "") -> Path:
    """A program that prints its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "says", "version"),
    [
        ("mariadbd", "mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu", "MariaDB 10"),
        (
            "mysqld",
            "/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Commun",
            "MySQL 8.0.36",
        ),
    ],
)
def test_both_products_are_recognised_by_their_version_texts(
    name: str, says: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that the variable names is used."""
    monkeypatch.setenv("CHAOSLAB_MYSQLD", str(program(tmp_path / name, says)))
    found = mysql.PROGRAM.find()
    assert found.version.startswith(version)
    assert found.version.endswith("(CHAOSLAB_MYSQLD)")


def test_rabbitmq_is_recognised_by_the_folder_of_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is not called: with any option it would start the server."""
    path = program(tmp_path / "sbin" / "rabbitmq-server", "started by mistake")
    monkeypatch.setenv("CHAOSLAB_RABBITMQ_SERVER", str(path))
    with pytest.raises(RuntimeUnavailable, match="plugins/rabbit-VERSION"):
        rabbitmq.PROGRAM.find()
    (tmp_path / "plugins" / "rabbit-3.13.7").mkdir(parents=True)
    assert rabbitmq.PROGRAM.find().version == "RabbitMQ 3.13.7 (CHAOSLAB_RABBITMQ_SERVER)"


@pytest.mark.parametrize(
    ("module", "variable", "package"),
    [
        (mysql, "CHAOSLAB_MYSQLD", "mariadb-server"),
        (rabbitmq, "CHAOSLAB_RABBITMQ_SERVER", "rabbitmq-server"),
    ],
)
def test_an_absent_program_is_named_with_its_fix(
    module: object, variable: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing, where the lab looked, and how to install it."""
    monkeypatch.setenv(variable, "/nowhere/it")
    with pytest.raises(RuntimeUnavailable) as error:
        module.PROGRAM.find()
    for part in ("/nowhere/it: no such file", f"apt install {package}", f"set {variable} to"):
        assert part in str(error.value)


def test_only_mysql_gets_the_option_that_disables_its_second_protocol(tmp_path: Path) -> None:
    """Its port would be the same in two labs. MariaDB does not know the option."""
    for product, wanted in (("MySQL", True), ("MariaDB", False)):
        binary = ServerBinary(path=tmp_path, product=product, number="9.0", origin="test")
        server = mysql.MysqlServer(
            binary=binary, template=tmp_path, identity=Identity(), keys=MysqlKeys()
        )
        command = server.command(tmp_path, 4711)
        assert ("--mysqlx=OFF" in command) is wanted
        assert command[1] == "--no-defaults"  # it has an effect only in this place
        assert "--port=4711" in command


def test_rabbitmq_uses_no_settings_of_the_machine(tmp_path: Path) -> None:
    """Its configuration, node name, home and epmd are not used."""
    binary = ServerBinary(path=tmp_path, product="RabbitMQ", number="3.10", origin="test")
    server = rabbitmq.RabbitServer(
        binary=binary, template=tmp_path, identity=Identity(), keys=RabbitKeys()
    )
    command = server.command(tmp_path, 4711)
    assert command[0] == "env"
    settings = dict(word.split("=", 1) for word in command[1:-1])
    ours = {name for name, value in settings.items() if value.startswith(str(tmp_path) + os.sep)}
    assert {name for name in settings if name.endswith(("_FILE", "_BASE"))} <= ours
    assert settings["HOME"] == str(tmp_path)
    assert "-start_epmd false" in settings["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    proxy = Endpoint(host="127.0.0.1", port=1)
    assert server.url(proxy) == "amqp://chaoslab:chaoslab@127.0.0.1:1/chaoslab"
