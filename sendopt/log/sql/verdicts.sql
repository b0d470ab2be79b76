-- Grain: one row per row of `incoming` that must not be stored: another one came first under the
-- same (tenant_id, event_id). It is a repeat if every column is the same, else a conflict.
-- Reads: incoming, suspect, stored.
with newcomer as (
    select tenant_id, event_id, min(row) as row
    from incoming
    semi join suspect using (tenant_id, event_id)
    anti join stored using (tenant_id, event_id)
    group by tenant_id, event_id
),
first as (
    select -1 as row, stored.* from stored
    union all by name
    select incoming.* from incoming semi join newcomer using (row)
)
select
    incoming.row,
    incoming.event_id,
    (
        incoming.user_id = first.user_id
        and incoming.event_type = first.event_type
        and incoming.occurred_at = first.occurred_at
        and incoming.send_id is not distinct from first.send_id
        and incoming.campaign_id is not distinct from first.campaign_id
        and incoming.variant_id is not distinct from first.variant_id
        and incoming.message_type is not distinct from first.message_type
        and incoming.channel is not distinct from first.channel
        and incoming.platform is not distinct from first.platform
        and incoming.timezone is not distinct from first.timezone
        and incoming.propensity is not distinct from first.propensity
        and incoming.attributes = first.attributes
    ) as is_repeat
from incoming
join first using (tenant_id, event_id)
where incoming.row <> first.row
order by incoming.row
