"""Reads from the settings how to reach object stores."""

from __future__ import annotations

from sendopt.s3_access import S3Access
from sendopt.settings import BackupSettings, LogSettings


def s3_access(section: LogSettings | BackupSettings) -> S3Access:
    """Return how to reach the store that a section of the settings names."""
    return S3Access(
        endpoint=section.s3_endpoint,
        region=section.s3_region,
        key_id=section.s3_key_id,
        secret=section.s3_secret.get_secret_value(),
        use_ssl=section.s3_use_ssl,
    )
