-- answers_by_hour
-- Grain: one row per user and hour of day (UTC) with at least one send before $as_of.
-- Reads: send, send_answer.  Params: $as_of, $open_window.  The studies had one clock.
select
    s.user_id,
    cast(extract(hour from timezone('UTC', s.occurred_at)) as integer) as hour,
    count(*) as sends,
    count(*) filter (a.soonest_us < epoch_us($open_window)) as opens
from send s
left join send_answer('open', 0, epoch_us($as_of)) a using (user_id, send_id)
where s.occurred_at < $as_of
group by all
order by all
