-- Grain: one row per (tenant_id, event_id) of `incoming` that is stored already or stands in it
-- twice. Almost always empty: whole ids are grouped only where their hashes meet.
with meeting as (
    select hash(tenant_id, event_id) as hashed
    from incoming
    group by hashed
    having count(*) > 1
)
select tenant_id, event_id
from incoming
where hash(tenant_id, event_id) in (select hashed from meeting)
group by tenant_id, event_id
having count(*) > 1
union
select tenant_id, event_id
from event
semi join incoming using (tenant_id, event_id)
