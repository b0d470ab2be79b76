"""What the demo calls an open is what a model is taught as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendopt.demo.studies import OPEN_WINDOW, HeldDay, Study, load_studies
from sendopt.features import AsOfView, Target, instant, labelled_sends
from sendopt.log import Log
from sendopt.records import TenantId, UserId

EVER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("study", load_studies(), ids=lambda study: study.tenant_id)
def test_the_demo_and_the_labels_count_the_same_opens(studies: Log, study: Study) -> None:
    with studies.reader(TenantId(study.tenant_id)) as reader:
        past = labelled_sends(
            AsOfView(reader, Target(OPEN_WINDOW)), since=EVER[0], until=EVER[1], limit=10**9
        )
    answers: dict[UserId, dict[datetime, timedelta | None]] = {}
    for user, at, delay in study.pushes():
        answers.setdefault(user, {})[at] = delay
    whole = HeldDay(EVER[0], answers)
    moments = zip(past.user_id.to_pylist(), past.at_us.tolist(), strict=True)
    opened = [whole.opened(UserId(user), instant(at_us)) for user, at_us in moments]
    assert opened == past.label.astype(bool).tolist()
    assert len(opened) == sum(map(len, answers.values())) > 1000
