-- answers
-- Grain: one row per send whose first answer came $least_us or more after it, but before $most_us.
-- Reads: send, send_answer.
-- Params: $outcome, $early_us, $until_us, $least_us, $most_us.
select
    s.user_id,
    epoch_us(s.occurred_at) as sent_us,
    epoch_us(s.occurred_at) + a.delay_us as answered_us
from send s
join send_answer($outcome, $early_us, $until_us) a using (user_id, send_id)
where a.delay_us >= $least_us and a.delay_us < $most_us
order by s.user_id, answered_us, sent_us
