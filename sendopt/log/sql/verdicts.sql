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
    list_filter([
        case when incoming.user_id <> first.user_id then 'user_id' end,
        case when incoming.event_type <> first.event_type then 'event_type' end,
        case when incoming.occurred_at <> first.occurred_at then 'occurred_at' end,
        case when incoming.send_id is distinct from first.send_id then 'send_id' end,
        case when incoming.campaign_id is distinct from first.campaign_id then 'campaign_id' end,
        case when incoming.variant_id is distinct from first.variant_id then 'variant_id' end,
        case when incoming.message_type is distinct from first.message_type then 'message_type' end,
        case when incoming.channel is distinct from first.channel then 'channel' end,
        case when incoming.platform is distinct from first.platform then 'platform' end,
        case when incoming.timezone is distinct from first.timezone then 'timezone' end,
        case when incoming.propensity is distinct from first.propensity then 'propensity' end,
        case when incoming.attributes <> first.attributes then 'attributes' end
    ], lambda name: name is not null) as differs,
    case when incoming.attributes <> first.attributes then incoming.attributes end as attributes,
    case when incoming.attributes <> first.attributes then first.attributes end as first_attributes
from incoming
join first using (tenant_id, event_id)
where incoming.row <> first.row
order by incoming.row
