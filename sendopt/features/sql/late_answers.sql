-- late_answers
-- Grain: one row per send whose first answer came after its open window, within $latest_us of it.
-- Reads: send, send_answer.
-- Params: $outcome, $window_us, $early_us, $until_us, $latest_us.
select
    s.user_id,
    epoch_us(s.occurred_at) as sent_us,
    epoch_us(s.occurred_at) + a.delay_us as answered_us
from send s
join send_answer($outcome, $early_us, $until_us) a using (user_id, send_id)
where a.delay_us >= $window_us and a.delay_us < $latest_us
order by s.user_id, answered_us, sent_us
