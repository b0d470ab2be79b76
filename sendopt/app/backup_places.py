"""Opens the place that a command names: a folder, or s3://bucket/prefix."""

from __future__ import annotations

import re
from pathlib import Path

from sendopt.app.s3 import s3_access
from sendopt.backup.place import FolderPlace, Place
from sendopt.backup.s3_place import S3Place
from sendopt.errors import InvalidInput
from sendopt.settings import Settings
from sendopt.text import quoted

_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/\x00-\x1f]+)*/?", re.ASCII)


def open_place(place: str, settings: Settings) -> Place:
    """Return the place; nothing is made or asked yet.

    Raises:
        InvalidInput: `backup_place_invalid`.
    """
    if not place.startswith("s3://"):
        if "://" in place:
            raise _invalid(place)
        return FolderPlace(Path(place))
    if not _S3.fullmatch(place):
        raise _invalid(place)
    return S3Place(place, s3_access(settings.backup))


def _invalid(place: str) -> InvalidInput:
    return InvalidInput(
        f"{quoted(place)} is no place for backups",
        code="backup_place_invalid",
        expected="a folder, or s3://bucket/prefix",
    )
