# /// defect
# number = 9
# name = "exit-3-restart-loop"
# title = "Every start exits with 3, and the supervisor starts it again"
# mechanism = """\
#   The setting of the emergency bypass is compared with `1`, but deployments set it to \
#   `true`: no start can do without the database."""
# symptom = "An endless series of starts, each with exit status 3."
# source = "the incident's papers, defect 9"
# scenarios = ["vpc_outage::supervised_start"]
# also = ["starts", "degrades", "recovers"]
# [primary]
# verdict = "no_restarts"
#
# [[primary.cites]]
# code = "app.exits"
# data = { exit_codes = [3] }
#
# [[primary.cites]]
# code = "app.log_line"
# data = { log_line = "start-up failed in phase database: postgres unreachable" }
# ///
"""Allows the bypass only for the value `1`, but the deployment sets it to `true`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.settings import Settings, read


def settings(env: Mapping[str, str]) -> Settings:
    """The Settings from the variables `env`; only the value `1` allows the bypass."""
    allowed = env.get("EMERGENCY_ALLOW_NO_DATABASE") == "1"
    return replace(read(env), emergency_allow_no_database=allowed)


if __name__ == "__main__":
    sys.exit(main(reader=settings))
