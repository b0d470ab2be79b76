"""What use cases assume where nobody says otherwise; commands and routes show it in their help."""

from __future__ import annotations

from datetime import timedelta

#: Local hour that a user's best one is held against.
CONFIGURED_HOUR = 18
#: An answer counts so long after the hand-over.
ANSWER_WINDOW = timedelta(hours=24)
#: One point: the difference of answered shares that is planned for.
EFFECT = 0.01
