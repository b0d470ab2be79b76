-- Grain: one row per (tenant_id, event_id) of `incoming` that is stored already or stands in it
-- twice. Almost always empty: whole ids are grouped only where their hashes meet.
-- Reads: incoming, event, meeting.
select tenant_id, event_id
from incoming
semi join meeting using (row)
group by tenant_id, event_id
having count(*) > 1
union
select tenant_id, event_id
from event
semi join incoming using (tenant_id, event_id)
