"""What planning a campaign would do."""

from __future__ import annotations

from sendopt.cli.answers import limits
from sendopt.cli.output import print_counts, stdout
from sendopt.records import EndReason, VariantEvidence
from sendopt.schedule import Preview
from sendopt.text import quoted


def show(preview: Preview) -> None:
    """Print who gets which time, and why others get none."""
    if preview.nobody_because is not None:
        stdout.print(f"Nobody can be reached: {preview.nobody_because}")
    else:
        _show_times(preview)
    if preview.unknown_users:
        named = ", ".join(map(quoted, preview.unknown_users))
        more = preview.suppressed[EndReason.USER_UNKNOWN] - len(preview.unknown_users)
        stdout.print(
            f"user_unknown: {preview.suppressed['user_unknown']:,} of the audience are known "
            f"neither by a device, a profile nor an event: {named}"
            + (f", and {more:,} more" if more else "")
        )
    if preview.explored_count:
        stdout.print(f"{preview.explored_count:,} get another time than their best, to learn")
    if preview.abstained_count:
        stdout.print(f"{preview.abstained_count:,} stay at the configured time: no gain was proven")
    if preview.variant_evidence == VariantEvidence.TOO_LITTLE_DATA:
        stdout.print("Too little data to prefer one wording")
    if preview.limits is not None:
        limits.show(preview.limits)
    for title, what, counts in (
        ("Arms", "arm", preview.by_arm),
        ("Wordings", "variant", preview.by_variant if preview.variant_evidence else {}),
        ("Times by the word of", "step", preview.served_by),
        ("Not planned", "reason", preview.suppressed),
        ("Kept from their likeliest time by", "reason", preview.bound_by),
        ("Not by the champion's word because", "reason", preview.fallback_reasons),
    ):
        if counts:
            print_counts(title, (what, "people"), counts)


def _show_times(preview: Preview) -> None:
    """Print how many people get which hour, and how many of them the configured time."""
    stdout.print(
        f"{preview.planned_count:,} of {preview.people_count:,} people get a time; "
        f"{preview.expected_open_count:,.0f} opens expected ({preview.expected_open_basis}); "
        f"{preview.fallback_share:.0%} at the configured time, because nothing else is known"
    )
    print_counts("By hour on the user's clock", ("hour", "sends"), preview.by_local_hour)
