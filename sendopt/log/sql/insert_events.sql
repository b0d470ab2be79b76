insert into event (
    tenant_id, event_id, user_id, event_type, occurred_at, send_id, campaign_id, variant_id,
    message_type, channel, platform, timezone, propensity, attributes
)
select
    tenant_id, event_id, user_id, event_type, occurred_at, send_id, campaign_id, variant_id,
    message_type, channel, platform, timezone, propensity, attributes
from incoming
anti join verdict using (row)
