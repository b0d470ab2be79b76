-- send_outcomes
-- Grain: one row per send that was answered within its open window, or whose propensity was logged,
-- in no order.
-- Reads: event.  Params: $outcome (event type that answers a send), $window_us.
with answer as (
    select send_id, occurred_at from event where event_type = $outcome and send_id is not null
),
outcome as (
    select
        any_value(s.user_id) as user_id,
        any_value(epoch_us(s.occurred_at)) as happened_us,
        min(epoch_us(a.occurred_at) - epoch_us(s.occurred_at)) as delay_us,
        any_value(s.propensity) as propensity
    from event s
    left join answer a
        on a.send_id = s.send_id
        and a.occurred_at >= s.occurred_at
        and a.occurred_at < s.occurred_at + to_microseconds($window_us)
    where s.event_type = 'send' and (a.send_id is not null or s.propensity is not null)
    group by s.event_id
)
select
    user_id,
    happened_us,
    -- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half,
    -- 2 later in it; 3 = not within it.
    case
        when delay_us * 6 < $window_us then 0
        when delay_us * 2 < $window_us then 1
        when delay_us is not null then 2
        else 3
    end::utinyint as promptness,
    propensity
from outcome
