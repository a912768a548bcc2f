# /// defect
# number = 12
# name = "port-mismatch"
# title = "Listens on another port than the declared one"
# mechanism = """\
#   The declared port is reserved for an administration server, which was removed long ago. \
#   The application listens on the next port."""
# symptom = "The process runs, its log has no error, and no request reaches it."
# source = "the incident's papers, defect 12"
# scenarios = ["steady::starts_and_serves"]
# also = ["serves", "stays_available", "stays_live", "answers_in_time"]
# [primary]
# verdict = "starts"
# cites = [{ code = "start.other_port" }]
# ///
"""An application that works, but listens on a port to which nothing is routed."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.settings import Settings, read


def settings(env: Mapping[str, str]) -> Settings:
    """The Settings from the variables `env`, but with the next free port after PORT."""
    declared = read(env)
    ports = (port for port in count(declared.port + 1) if _is_free(declared.host, port))
    return replace(declared, port=next(ports))


def _is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(reader=settings))
