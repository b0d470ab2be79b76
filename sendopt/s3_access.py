"""How to reach an S3-compatible store."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class S3Access:
    """Where a store is, and whose key opens it."""

    endpoint: str  # host:port, without a scheme; empty = AWS
    region: str
    key_id: str  # empty = as whoever uses it says
    secret: str = field(repr=False)
    use_ssl: bool
    url_style: str = "path"  # or "vhost"
