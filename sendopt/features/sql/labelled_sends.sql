-- labelled_sends
-- Grain: one row per send in [$from_us, ...) whose open window closed by $until_us; the $limit
-- newest, or, if $drawn, $limit by a fixed shuffle of those whose time was drawn with a logged
-- chance below 1. Oldest first.
-- Reads: send, send_answer.
-- Params: $outcome, $window_us, $early_us, $from_us, $until_us, $drawn, $limit.
-- A send whose window is still open is left out: that it was not opened yet means nothing.
with sent as (
    select event_id, user_id, send_id, occurred_at, propensity, timezone, platform, message_type
    from send
    where epoch_us(occurred_at) >= $from_us
        and epoch_us(occurred_at) + $window_us <= $until_us
        and (not $drawn or (propensity > 0 and propensity < 1))
    order by if($drawn, md5(event_id), null), occurred_at desc, event_id
    limit $limit
)
select
    s.user_id,
    s.occurred_at as at,
    s.propensity,
    s.timezone,
    s.platform,
    s.message_type,
    coalesce(a.delay_us < $window_us, false)::double as label
from sent s
left join send_answer($outcome, $early_us, $until_us) a using (user_id, send_id)
order by s.occurred_at, s.event_id
