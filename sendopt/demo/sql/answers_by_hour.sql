-- answers_by_hour
-- Grain: one row per user and hour of day (UTC) with at least one send before $as_of.
-- Reads: event.  Params: $as_of, $open_window.
with send as (
    select user_id, send_id, occurred_at as sent_at
    from event
    where event_type = 'send' and occurred_at < $as_of
),
open as (
    select send_id, min(occurred_at) as opened_at
    from event
    where event_type = 'open' and occurred_at < $as_of
    group by send_id
)
select
    send.user_id,
    cast(extract(hour from timezone('UTC', send.sent_at)) as integer) as hour,
    count(*) as sends,
    count(*) filter (where open.opened_at < send.sent_at + $open_window) as opens
from send
left join open using (send_id)
group by all
order by all
