-- labelled_sends
-- Grain: one row per send in [$from_us, ...) whose open window closed by $until_us; the $limit
-- newest, or, if $drawn, $limit by a fixed shuffle of those whose time was drawn with a logged
-- chance below 1. Oldest first.
-- Reads: event.  Params: $outcome, $window_us, $from_us, $until_us, $drawn, $limit.
-- A send whose window is still open is left out: that it was not opened yet means nothing.
with sent as (
    select event_id, user_id, send_id, occurred_at, propensity, timezone, platform, message_type
    from event
    where event_type = 'send'
        and epoch_us(occurred_at) >= $from_us
        and epoch_us(occurred_at) + $window_us <= $until_us
        and (not $drawn or (propensity > 0 and propensity < 1))
    order by if($drawn, md5(event_id), null), occurred_at desc, event_id
    limit $limit
),
answered as (
    select distinct s.event_id
    from sent s
    join event a on a.send_id = s.send_id
    where a.event_type = $outcome
        and a.occurred_at >= s.occurred_at
        and a.occurred_at < s.occurred_at + to_microseconds($window_us)
)
select
    s.user_id,
    s.occurred_at as at,
    s.propensity,
    s.timezone,
    s.platform,
    s.message_type,
    (a.event_id is not null)::double as label
from sent s
left join answered a using (event_id)
order by s.occurred_at, s.event_id
