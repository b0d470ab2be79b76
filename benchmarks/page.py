"""The page of benchmarks: each program writes a section of its own and leaves the others."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = (
    "# Benchmarks\n\nRatios count: times differ from machine to machine and from hour to hour.\n"
)


def write_section(title: str, text: str, *, page: Path = PAGE) -> None:
    """Put a section in the place of the one of that title, or after all others."""
    sections = _sections(page.read_text("utf-8")) if page.exists() else {}
    sections[title] = text.strip()
    body = "".join(f"\n## {name}\n\n{content}\n" for name, content in sections.items())
    page.write_text(_HEAD + body, "utf-8")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def machine() -> str:
    """Say on what figures were taken."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return {title: content.strip() for title, content in zip(parts[::2], parts[1::2], strict=True)}
