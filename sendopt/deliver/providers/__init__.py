"""Speak each provider's protocol: Web Push, Standard Webhooks, the simulator.

Owns: encryption, signatures, headers, what each answer means, which addresses may be contacted.
Does not own: when to send and when to try again (deliver).
In: Message.  Out: Outcome.
The only home of pycurl. Only the application chooses among them.
"""

from sendopt.deliver.providers.simulator import SimulatorProvider
from sendopt.deliver.providers.transport import Transport
from sendopt.deliver.providers.vapid import Vapid
from sendopt.deliver.providers.web_push import WebPushProvider
from sendopt.deliver.providers.webhook import WebhookProvider

__all__ = ["SimulatorProvider", "Transport", "Vapid", "WebPushProvider", "WebhookProvider"]
