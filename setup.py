"""The README as an index page shows it: there its links to files of the repository lead nowhere.

They become links into `[project.urls] Repository` where pyproject.toml has one, and else the files'
names, which everybody finds in the source. All other metadata stands in pyproject.toml.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_HERE = Path(__file__).parent
_TO_A_FILE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def index_page(text: str, repository: str = "") -> str:
    """The text without links that are relative to the repository."""
    if repository:
        return _TO_A_FILE.sub(rf"[\1]({repository.rstrip('/')}/blob/main/\2)", text)
    return _TO_A_FILE.sub(r"\1", text)


if __name__ == "__main__":
    from setuptools import setup

    project = tomllib.loads((_HERE / "pyproject.toml").read_text("utf-8"))["project"]
    setup(
        long_description=index_page(
            (_HERE / "README.md").read_text("utf-8"), project.get("urls", {}).get("Repository", "")
        ),
        long_description_content_type="text/markdown",
    )
