"""Names of the columns of tables that travel between stages: decisions, and what is said of them.

A table of decisions asks how likely an answer is at candidate times; the scores of a model stand
beside them, or by the hours of a local week.
"""

from typing import Final

DECISION_ID: Final = "decision_id"
USER_ID: Final = "user_id"
AS_OF: Final = "as_of"  # what was known when
CANDIDATE_AT: Final = "candidate_at"

#: What whoever asks may tell along of a decision.
TIMEZONE: Final = "timezone"
PLATFORM: Final = "platform"
MESSAGE_TYPE: Final = "message_type"

DAY_OF_WEEK: Final = "day_of_week"  # 0 = Monday
HOUR: Final = "hour"  # local, 0..23
OPEN_PROBABILITY: Final = "open_probability"
LOGIT_SD: Final = "logit_sd"  # how unsure the place among the user's times is
