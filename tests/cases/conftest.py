"""The cases' own scenarios run in a pytest of their own, in their folder, and not in this one."""

from __future__ import annotations

from pathlib import Path

collect_ignore = [each.name for each in Path(__file__).parent.iterdir() if each.is_dir()]
