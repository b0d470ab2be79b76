-- Grain: one row per row of `incoming` that must not be stored: another one came first under the
-- same (tenant_id, event_id). It is a repeat if every column is the same, else a conflict.
-- Reads: incoming, suspect, event.
with stored as (
    select event.*
    from event
    semi join suspect using (tenant_id, event_id)
),
suspected as (
    select incoming.*
    from incoming
    semi join suspect using (tenant_id, event_id)
),
newcomer as (
    select tenant_id, event_id, min(row) as row
    from suspected
    anti join stored using (tenant_id, event_id)
    group by tenant_id, event_id
),
first as (
    select -1 as row, stored.* from stored
    union all by name
    select suspected.* from suspected semi join newcomer using (row)
)
select
    suspected.row,
    suspected.event_id,
    (
        suspected.user_id = first.user_id
        and suspected.event_type = first.event_type
        and suspected.occurred_at = first.occurred_at
        and suspected.send_id is not distinct from first.send_id
        and suspected.campaign_id is not distinct from first.campaign_id
        and suspected.variant_id is not distinct from first.variant_id
        and suspected.message_type is not distinct from first.message_type
        and suspected.channel is not distinct from first.channel
        and suspected.platform is not distinct from first.platform
        and suspected.timezone is not distinct from first.timezone
        and suspected.propensity is not distinct from first.propensity
        and suspected.attributes = first.attributes
    ) as is_repeat
from suspected
join first using (tenant_id, event_id)
where suspected.row <> first.row
order by suspected.row
