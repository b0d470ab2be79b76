"""Carry out planned sends: hand each message to its provider, retry, give up, tell the outcome.

Owns: when a due send may still go out, the back-off, what a provider's answer means, the protocols
    of the providers (`providers/`).
Does not own: the choice of the time (schedule), what comes back from the user (track).
In: planned sends in the state.  Out: attempts, final states, `send` and `bounce` events.

A message is handed over at least once, under one stable id; only those that were in flight when a
process died can be handed over twice.
"""

from sendopt.deliver.claim import ClaimPolicy
from sendopt.deliver.dispatch import Dispatcher, DispatchReport
from sendopt.deliver.provider import Provider
from sendopt.deliver.retry import RetryPolicy

__all__ = ["ClaimPolicy", "DispatchReport", "Dispatcher", "Provider", "RetryPolicy"]
