"""Why the champion's word is not what a time rests on."""

from __future__ import annotations

from enum import StrEnum


class FallbackReason(StrEnum):
    """What keeps a model from speaking: of all users, or of one."""

    NO_CHAMPION = "no_champion"  # nothing passed the gate yet
    NO_LAST_GOOD = "no_last_good"  # no model served before the champion
    MODEL_DAMAGED = "model_damaged"  # its files are not what was judged, or of another release
    MODEL_STALE = "model_stale"  # it was trained longer ago than models may serve
    MODEL_TOO_SLOW = "model_too_slow"  # for its number of rows; or it still works at too many such
    MODEL_OUTPUT_INVALID = "model_output_invalid"  # no probabilities; too many of them or too few
    MODEL_FAILED = "model_failed"  # it raised, whatever it broke at
    FAMILY_MISSING = "family_missing"  # the package that brings its family is not installed,
    FAMILY_BROKEN = "family_broken"  # is broken,
    FAMILY_TAKEN = "family_taken"  # or brings what another one brings as well
    REGISTRY_UNAVAILABLE = "registry_unavailable"  # nobody can say who the champion is
    REGISTRY_REFUSED = "registry_refused"  # the registry answers, and takes no value of ours
    TOO_FEW_ANSWERS = "too_few_answers"  # no model was asked, and a simple rule needs more of them
    NO_STORED_SCORES = "no_stored_scores"  # of a champion, where nobody waits for it to be asked
    NOT_SCORED = "not_scored"  # a model spoke, and not of this user

    @classmethod
    def of(cls, code: str) -> FallbackReason:
        """Return the reason that the code of a refusal names; any code of a model's own failed."""
        return cls(code) if code in {*cls} else cls.MODEL_FAILED
