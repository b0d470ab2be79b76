"""Rules that others make: laws on when people may be advertised to, and limits of push services.

Owns: the rules as data, each with its source and the date at which somebody looks at it again.
Does not own: whether they hold; that a tenant says in its limits.
In: zones, classes of messages, channels.  Out: quiet hours and quotas.
"""

from sendopt.rules.legal import LegalHours, legal_quiet

__all__ = ["LegalHours", "legal_quiet"]
