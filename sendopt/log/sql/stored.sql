-- Grain: one row per event that is stored under a (tenant_id, event_id) of `suspect`.
select
    tenant_id, event_id, user_id, event_type, occurred_at, send_id, campaign_id, variant_id,
    message_type, channel, platform, timezone, propensity, attributes
from event
semi join suspect using (tenant_id, event_id)
