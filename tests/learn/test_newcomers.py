"""Who joins when everybody is known is not taken for those who were new when nobody was."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from trained import trained

from sendopt.learn.numerics.logistic import sigmoid
from sendopt.log import Log
from sendopt.records import TenantId


@pytest.mark.parametrize("study", ["fried2021", "dejonckheere2019"])
def test_a_log_whose_users_are_all_new_at_once_teaches_with_what_everybody_does(
    studies: Log, study: str
) -> None:
    with studies.reader(TenantId(study)) as reader:
        fitted = trained(reader, until=datetime(2025, 3, 16, tzinfo=UTC), judged=True)
    past, said = fitted.moments, sigmoid(fitted.rows.base)
    days = np.unique(past.as_of_us)
    on_first, on_second = (said[past.as_of_us == day] for day in days[:2])
    assert np.ptp(on_first) == 0.0, "nobody is known yet"
    assert on_first[0] == pytest.approx(on_second.mean(), abs=1e-9)
    assert abs(on_first[0] - past.label[past.as_of_us == days[0]].mean()) < 0.05
