"""Somebody who does, step by step, what a page of the documentation says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]

# A fence, with the paragraph before it, which names the file that it is of.
_BLOCK = re.compile(r"(?P<before>[^\n]*)\n+```(?P<kind>\w+)\n(?P<text>.*?)```\n", re.DOTALL)
_FILE = re.compile(r"`(?P<name>[\w./-]+\.(py|toml))`")


@dataclass(frozen=True)
class Reader:
    """Somebody who sits in a folder with a shell, and does what a page says."""

    folder: Path
    environment: dict[str, str]

    def follow(self, page: str, *, commands: bool = True) -> dict[str, str]:
        """Do every step of a page in its order; return what each command printed.

        Without its commands, what the page changes is changed and no more.
        """
        file, said = "", {}
        for block in _BLOCK.finditer((REPOSITORY / "docs" / page).read_text("utf-8")):
            named = list(_FILE.finditer(block["before"]))
            file = named[-1]["name"] if named else file
            if block["kind"] == "sh":
                if commands:
                    said |= {line: self.run(line) for line in block["text"].splitlines()}
            elif block["kind"] == "diff":
                self.patch(block["text"])
            else:
                path = self.folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a", encoding="utf-8") as written:
                    written.write(block["text"])
        return said

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def patch(self, difference: str) -> None:
        first, *lines = difference.splitlines(keepends=True)
        path = self.folder / first.removeprefix("--- ").strip()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / path.relative_to(self.folder), path)
        before, after = (
            "".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +")
        )
        text = path.read_text("utf-8")
        assert text.count(before) == 1, "the page shows other lines than stand there"
        path.write_text(text.replace(before, after), "utf-8")


def copy_of_the_repository(folder: Path) -> dict[str, str]:
    """Copy what is worked on into `folder`; return the environment in which it is what runs."""
    for part in ("sendopt", "tests", "docs"):
        shutil.copytree(
            REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("node_modules")
        )
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, folder)
    return {"PYTHONPATH": str(folder), "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
