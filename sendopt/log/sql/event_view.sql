-- Templated: a view takes no parameters. All that a reader's SQL ever sees of the log.
create temporary view {view} as
select
    event_id,
    user_id,
    event_type,
    occurred_at,
    send_id,
    campaign_id,
    variant_id,
    message_type,
    channel,
    platform,
    timezone,
    propensity,
    attributes
from {lake}.main.event at (version => {snapshot})
where tenant_id = {tenant_id} {and_within}
