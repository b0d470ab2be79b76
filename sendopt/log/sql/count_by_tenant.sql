-- Grain: one row per tenant that has events.
select tenant_id, count(*) as events
from event
group by tenant_id
