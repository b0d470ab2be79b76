"""What bars times of one member and not of others: limits over all of a tenant's campaigns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sendopt.records import BARS, EndReason, Exclusion

#: The number of none.
NO_BAR = -1

#: As a column of words.
WORDS = np.array([*BARS, None], np.object_)  # NO_BAR is the last

#: How the message of a member ends who has no other time left.
ENDS: Mapping[Exclusion, EndReason] = {
    Exclusion.LEAST_GAP: EndReason.FREQUENCY_CAP,
    Exclusion.FREQUENCY_CAP: EndReason.FREQUENCY_CAP,
    Exclusion.WEEKLY_BUDGET: EndReason.WEEKLY_BUDGET,
    Exclusion.VENDOR_QUOTA: EndReason.VENDOR_QUOTA,
    Exclusion.CAPACITY: EndReason.CAPACITY,
}
