"""The bandit over wordings finds the better one, and says when it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sendopt.records import VariantAnswers, VariantId
from sendopt.schedule.variants import PARTS_OF_DAY, learn

A, B = VariantId("a"), VariantId("b")
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)


def answers(
    variant: VariantId, sends: int, answered: float, *, part: int = 1, chance: float = 0.5
) -> VariantAnswers:
    due_at = MIDNIGHT + timedelta(hours=6 * part + 3)
    return VariantAnswers(
        variant, due_at, "UTC", sends / chance, sends / chance**2, answered / chance
    )


def test_nothing_known_is_an_even_split() -> None:
    belief = learn([A, B], [])
    assert belief.distributions == ((0.5, 0.5),) * PARTS_OF_DAY
    assert belief.evidence == "too_little_data"


def test_a_few_answers_prefer_nothing() -> None:
    belief = learn([A, B], [answers(A, 20, 5), answers(B, 20, 2)])
    assert belief.evidence == "too_little_data"
    assert 0.5 < belief.distributions[0][0] < 0.6
    assert not belief.suits_parts_of_day


def test_many_answers_prefer_the_better_wording_and_still_try_the_other() -> None:
    belief = learn([A, B], [answers(A, 2_000, 240), answers(B, 2_000, 160)])
    assert (belief.evidence, belief.confidence > 0.99) == ("preferred", True)
    assert 0 < belief.distributions[2][1] < 0.03
    for distribution in belief.distributions:
        assert sum(distribution) == pytest.approx(1)


def test_a_wording_sent_at_good_times_only_does_not_look_better_for_it() -> None:
    """B had a tenth of the evenings and half the mornings; both are answered alike."""
    seen = [
        answers(A, 1_000, 100, part=1, chance=0.5),
        answers(B, 1_000, 100, part=1, chance=0.5),
        answers(A, 1_800, 720, part=3, chance=0.9),
        answers(B, 200, 80, part=3, chance=0.1),
    ]
    belief = learn([A, B], seen)
    assert belief.evidence == "too_little_data"
    raw = [820 / 2_800, 180 / 1_200]
    assert raw[0] > 1.9 * raw[1]  # what the plain rates would have said


def test_a_better_wording_that_had_most_mornings_does_not_suit_mornings() -> None:
    """A is answered twice as often whenever it is sent; nearly all mornings were its own."""
    seen = [
        answers(A, 4_500, 900, part=1, chance=0.9),
        answers(B, 500, 50, part=1, chance=0.1),
        answers(A, 500, 100, part=3, chance=0.1),
        answers(B, 4_500, 450, part=3, chance=0.9),
    ]
    belief = learn([A, B], seen)
    assert belief.evidence == "preferred"
    assert not belief.suits_parts_of_day


def test_wordings_that_suit_parts_of_the_day_are_told_apart_only_with_data() -> None:
    def seen(sends: int) -> list[VariantAnswers]:
        return [
            answers(A, sends, 0.15 * sends, part=1),
            answers(B, sends, 0.10 * sends, part=1),
            answers(A, sends, 0.10 * sends, part=3),
            answers(B, sends, 0.15 * sends, part=3),
        ]

    assert not learn([A, B], seen(100)).suits_parts_of_day
    belief = learn([A, B], seen(3_000))
    assert belief.suits_parts_of_day
    assert belief.distributions[1][0] > 0.9
    assert belief.distributions[3][1] > 0.9


def test_the_part_of_the_day_is_that_of_the_users_clock() -> None:
    """9:00 UTC is an evening in Tokyo; there B suits it, and A suits the mornings of Berlin."""
    seen = [
        replace(answers(variant, 3_000, opened, part=1), timezone=zone)
        for zone, of_a in (("Europe/Berlin", 450), ("Asia/Tokyo", 300))
        for variant, opened in ((A, of_a), (B, 750 - of_a))
    ]
    belief = learn([A, B], seen)
    assert belief.suits_parts_of_day
    assert belief.distributions[1][0] > 0.9
    assert belief.distributions[3][1] > 0.9


def test_it_does_not_see_parts_of_the_day_where_there_are_none() -> None:
    rng = np.random.default_rng(5)
    seen_one = 0
    for _ in range(200):
        seen = [
            answers(variant, 400, int(rng.binomial(400, rate)), part=part)
            for variant, rate in ((A, 0.12), (B, 0.10))
            for part in range(PARTS_OF_DAY)
        ]
        seen_one += learn([A, B], seen).suits_parts_of_day
    assert seen_one <= 10


def test_it_earns_more_than_an_even_split_and_finds_the_best() -> None:
    rng = np.random.default_rng(11)
    rates = {A: 0.10, B: 0.14}
    found = 0
    for _ in range(20):
        seen: list[VariantAnswers] = []
        for _day in range(30):
            belief = learn([A, B], seen)
            for variant, chance in zip((A, B), belief.distributions[1], strict=True):
                sends = round(200 * chance)
                if sends:
                    opened = int(rng.binomial(sends, rates[variant]))
                    seen.append(answers(variant, sends, opened, chance=chance))
        found += learn([A, B], seen).distributions[1][1] > 0.9
    assert found >= 18
