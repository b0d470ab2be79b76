-- campaign_outcome
-- Grain: one row.
-- Reads: event.  Params: $open_window.
-- Only sends of a campaign count: those of the imported history belong to none.
with send as (
    select send_id, occurred_at as sent_at
    from event
    where event_type = 'send' and campaign_id is not null
),
open as (
    select send_id, min(occurred_at) as opened_at
    from event
    where event_type = 'open'
    group by send_id
)
select
    count(*) as sends,
    count(open.opened_at) as answers,
    count(*) filter (where open.opened_at < send.sent_at + $open_window) as opens
from send
left join open using (send_id)
