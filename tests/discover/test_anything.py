"""Whatever a folder holds, there is a proposal, and the loader reads its file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chaoslab import services
from chaoslab.discover.findings import Findings, PathAnswer, PathFound
from chaoslab.discover.folder import look_at
from chaoslab.discover.paths import Named, with_roles
from chaoslab.discover.proposal import Asked, propose
from chaoslab.discover.toml import scenario_text, topology_text
from chaoslab.model.loader.topology import read_topology

from .folders import COMPOSE, folder_of

NAMES = (".env", ".env.example", "compose.yaml", "Procfile", "Dockerfile", "package.json")
NAMES = (*NAMES, "pyproject.toml", "go.mod", "main.py")
# Pieces that the readers know, so that a drawn text gets beyond their first line.
PIECES = (
    *("DATABASE_URL=", "postgresql://u:p@h:5432/d", "redis://h/1", "DB_HOST=h", "DB_PORT=3306"),
    *("services:", "  web:", "    build: .", "    image: postgres:16", "    command: serve", "\n"),
    *("web: ", "CMD ", "ENV ", "EXPOSE 80", '["a", "b"]', '{"scripts": {"start": "x"}}', "${A:-b}"),
    *("'", '"', "{", "}", "{port}", "\\", "#", "\0", "\x1b", "\u2028", "ü", "=", ":", " "),
    COMPOSE,
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join)
CONTENTS = TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=60)
WORDS = st.lists(st.sampled_from(PIECES[:5]) | st.text(max_size=12), max_size=5).map(tuple)


@given(files=st.dictionaries(st.sampled_from(NAMES), CONTENTS, max_size=4), words=WORDS)
def test_any_folder(files: dict[str, bytes], words: tuple[str, ...]) -> None:
    """No content raises an error; with a command, the file is a valid topology."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        proposal = propose(look_at(folder_of(folder, files)), Asked(words=words))
        compile(scenario_text(proposal), "scenario", "exec")
        text = topology_text(proposal, None)
        assert all(each >= " " or each == "\n" for each in text)
        if proposal.command:
            path = folder / "chaoslab.toml"
            path.write_text(text, encoding="utf-8")
            read_topology(path, kinds=services.kinds())


ANSWERS = st.builds(
    PathAnswer,
    status=st.sampled_from((0, 200, 204, 404, 503)),
    content_type=st.sampled_from(("application/json", "text/html", "")),
    body=st.sampled_from(('{"status": "ok"}', '{"a": true}', "[" * 99, "")) | st.text(max_size=20),
    error=st.text(max_size=10),
)
PATHS = st.lists(
    st.builds(
        PathFound,
        path=st.sampled_from(("/health", "/livez", "/readyz", "/a")),
        steady=ANSWERS,
        severed=st.dictionaries(st.just("postgres"), ANSWERS),
    ),
    max_size=4,
    unique_by=lambda each: each.path,
)


@given(paths=PATHS, boots=st.lists(st.floats(0.01, 100), max_size=3))
def test_any_answers(paths: list[PathFound], boots: list[float]) -> None:
    """Whatever the app answers, the file with the findings is a valid topology."""
    findings = Findings(paths=with_roles(paths, Named()), boots_s=tuple(boots))
    with tempfile.TemporaryDirectory() as place:
        folder = folder_of(Path(place), {".env": "PGHOST=h"})
        proposal = propose(look_at(folder), Asked(words=("serve",)))
        path = folder / "chaoslab.toml"
        path.write_text(topology_text(proposal, findings), encoding="utf-8")
        read_topology(path, kinds=services.kinds())
