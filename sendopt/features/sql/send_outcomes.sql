-- send_outcomes
-- Grain: one row per send that was answered within its open window, or whose propensity was logged,
-- in no order.
-- Reads: send, send_answer.
-- Params: $outcome (event type that answers a send), $window_us, $early_us, $until_us.
select
    s.user_id,
    epoch_us(s.occurred_at) as happened_us,
    -- How promptly a send was answered: 0 in the first sixth of the window, 1 in its first half,
    -- 2 later in it; 3 = not within it.
    case
        when a.delay_us * 6 < $window_us then 0
        when a.delay_us * 2 < $window_us then 1
        when a.delay_us < $window_us then 2
        else 3
    end::utinyint as promptness,
    s.propensity
from send s
left join send_answer($outcome, $early_us, $until_us) a using (user_id, send_id)
where a.delay_us < $window_us or s.propensity is not null
