-- machine_answers
-- Grain: one row per answer at the instant of its send, closer to it than $instant_us.
-- Reads: event, send.  Params: $outcome, $instant_us.
select a.user_id, epoch_us(a.occurred_at) as happened_us
from event a
join send s on s.user_id = a.user_id and s.send_id = a.send_id
where a.event_type = $outcome
    and abs(epoch_us(a.occurred_at) - epoch_us(s.occurred_at)) < $instant_us
order by a.user_id, happened_us
