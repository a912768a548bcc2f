# /// defect
# number = 12
# name = "port-mismatch"
# title = "Listens beside the port that is routed to it"
# mechanism = """\
#   The declared port is kept for an administration server that was dropped long ago; the \
#   application takes the next one."""
# symptom = "The process lives, its log is clean, and nothing that is routed to it arrives."
# source = "the incident's papers, defect 12"
# scenarios = ["steady::starts_and_serves"]
# also = ["serves", "stays_available", "stays_live", "answers_in_time"]
# [primary]
# verdict = "starts"
# cites = [{ code = "start.other_port" }]
# ///
"""A healthy application on a port that nobody asks."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.settings import Settings, read


def settings(env: Mapping[str, str]) -> Settings:
    """What the environment says; PORT is the administration's, ours is the next one."""
    told = read(env)
    ports = (port for port in count(told.port + 1) if _is_free(told.host, port))
    return replace(told, port=next(ports))


def _is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(reader=settings))
