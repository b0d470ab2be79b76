"""The limits of `make check` on the shape of the code find what breaks them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import shape

_SOUND = {
    "__init__.py": '"""A package."""\n\nfrom planted.room import door\n',
    "room/__init__.py": "",
    "room/door.py": "from planted.floor import Floor\n",
    "floor.py": "class Floor:\n    def lay(self, a, b, c, d, e, f, *, g, h): ...\n",
}


def test_a_sound_package_breaks_no_limit(tmp_path: Path) -> None:
    assert _faults(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        (
            {"floor.py": "from planted.room import door\n"},
            "these import each other: planted.floor, planted.room.door",
        ),
        (
            {"room/wall.py": "", "floor.py": "from planted.room import wall\n"},
            "these import each other: planted.floor, planted.room",
        ),
        ({"room/door.py": "\n" * 401}, "room/door.py has 401 lines"),
        ({"floor.py": "def lay(a, b, c, d, e, f, *g, h, i): ...\n"}, "floor.py:1 lay takes 9"),
        ({"floor.py": "async def lay(a, b, c, d, e, f, /, g, h, **i): ...\n"}, "lay takes 9"),
        ({"floor.py": "raise ValueError('too low')\n"}, "floor.py:1 raises a bare error"),
        ({"floor.py": "\n\nraise builtins.TypeError\n"}, "floor.py:3 raises a bare error"),
    ],
)
def test_what_breaks_a_limit_is_named(tmp_path: Path, planted: dict[str, str], fault: str) -> None:
    assert any(fault in found for found in _faults(tmp_path, planted))


def test_a_compiled_kernel_may_take_its_arrays_one_by_one(tmp_path: Path) -> None:
    kernel = "@numba.njit(cache=True)\ndef lay(a, b, c, d, e, f, g, h, i): ...\n"
    assert _faults(tmp_path, {"floor.py": kernel}) == []


def test_a_command_may_have_as_many_options_as_people_need(tmp_path: Path) -> None:
    command = "def lay(a, b, c, d, e, f, g, h, i): ...\n"
    assert _faults(tmp_path, {"cli/__init__.py": "", "cli/floor.py": command}) == []


def _faults(folder: Path, planted: dict[str, str]) -> list[str]:
    for file, text in {**_SOUND, **planted}.items():
        path = folder / "planted" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return list(shape.measure(folder / "planted").faults())
