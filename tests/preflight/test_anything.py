"""Whatever stands in a deployment file, the answer is findings, a pass, or the user's mistake."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from chaoslab.errors import SpecError
from chaoslab.model.deployment import Deployment, Window
from chaoslab.preflight.check import check_deployment
from chaoslab.preflight.document import read_document
from chaoslab.preflight.variables import variable
from chaoslab.seeds import generator

from .copies import REFERENCE, REPOSITORY, TOPOLOGY, ruled

ODD = [
    *("", "x", "{}", "[]", "[1]", "null", "~", "!Ref a", "!!binary x", "*a", "&a x", "<<: *a"),
    *("- ", '"', "'", ":", "---\n", "\t", "é", "9" * 20, "-1", "0", "1e9", "${X}", "|", ">"),
    *("? a", "%TAG", "@", "`", "\x00", "\ufeff"),
]


def spoilt(text: str, random: Random) -> str:
    """The text with one to three lines removed, doubled, given another value, or broken."""
    lines = text.splitlines(keepends=True)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        how = random.randrange(5)
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(at, random.choice(lines))
        elif how == 2:
            cut = random.randrange(len(lines[at]))
            lines[at] = lines[at][:cut] + random.choice(ODD) + lines[at][cut:]
        else:
            lines[at] = f"{lines[at].partition(':')[0]}: {random.choice(ODD)}\n"
    return "".join(lines)


def answered(path: Path) -> tuple[str, list[str]]:
    """What came of a file, and the messages."""
    try:
        told = check_deployment(TOPOLOGY, path)
    except SpecError as error:
        return "refused", [str(error)]
    return "found" if told.findings else "kept", [*map(str, told.findings)]


def test_no_spoilt_file_is_a_crash(tmp_path: Path) -> None:
    """Two hundred of them; each message is built, and all three answers come up."""
    text, path = REFERENCE.read_text("utf-8"), tmp_path / "spoilt.yaml"
    came: Counter[str] = Counter()
    for number in range(200):
        path.write_text(spoilt(text, generator(5, "spoilt", str(number))), encoding="utf-8")
        answer, messages = answered(path)
        assert all(message.startswith(str(path)) for message in messages)
        came[answer] += 1
    assert set(came) == {"refused", "found", "kept"}


def test_a_compose_file_is_read_too() -> None:
    """The repository's own: variables in a table, a password that Compose fills in, durations."""
    path = REPOSITORY / "docker-compose.chaos.yml"
    document = read_document(path)
    env = "services.backend.environment"
    assert variable(document, env, "PORT").text == "8080"
    assert variable(document, env, "DATABASE_URL").state == "elsewhere"
    check = "services.backend.healthcheck"
    window = Window(
        initial_delay_s=f"{check}.interval",  # Docker looks first after one interval
        period_s=f"{check}.interval",
        failures=f"{check}.retries",
        startup_s=TOPOLOGY.apps["backend"].deadlines.startup_s,
    )
    rules = Deployment(
        file=str(path), env=env, window=window, required=("DATABASE_URL",), ports=("$PORT", 8080.0)
    )
    told = check_deployment(ruled(rules))
    assert told.findings == ()
    assert [check.rule for check in told.checks] == ["required", "window", "ports"]
