"""Where a log lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sendopt.s3_access import S3Access


@dataclass(frozen=True)
class LogLocation:
    """A catalog, which says what the log consists of, and the data that it points to."""

    catalog: str  # path of an SQLite file, or a libpq URI "postgresql://..."
    data: str  # directory, or "s3://bucket/prefix"
    s3: S3Access | None = None

    @property
    def on_postgres(self) -> bool:
        """Whether the catalog is a PostgreSQL database."""
        return self.catalog.startswith(("postgresql://", "postgres://"))

    @property
    def relative_data(self) -> str | None:
        """Where the data is as seen from the catalog's folder; None = nowhere below it."""
        catalog, data = Path(self.catalog), Path(self.data)
        if self.on_postgres or self.on_s3 or not data.is_relative_to(catalog.parent):
            return None
        return f"{data.relative_to(catalog.parent)}/"

    @property
    def on_s3(self) -> bool:
        """Whether the data is in an object store."""
        return self.data.startswith("s3://")
