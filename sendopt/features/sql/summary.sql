-- summary
-- Grain: one row.
-- Reads: event.  Params: $outcome, $window_us, $until_us.
-- How much there is to learn from before $until_us, and how late sends are answered.
with sent as (
    select send_id, min(occurred_at) as sent_at from event
    where event_type = 'send' and epoch_us(occurred_at) < $until_us
    group by send_id
),
answer as (
    select send_id, min(occurred_at) as answered_at from event
    where event_type = $outcome and epoch_us(occurred_at) < $until_us and send_id is not null
    group by send_id
),
delay as (
    select epoch_us(a.answered_at) - epoch_us(s.sent_at) as delay_us
    from sent s
    join answer a using (send_id)
    where a.answered_at >= s.sent_at
),
answers as (
    select
        count(*) filter (delay_us < $window_us) as opens,
        quantile_disc(delay_us, 0.95) as late_us
    from delay
)
select
    count(*) as events,
    count(distinct user_id) as users,
    count(*) filter (event_type = 'send') as sends,
    count(*) filter (event_type = 'session') as sessions,
    epoch_us(min(occurred_at)) as first_us,
    any_value(answers.opens) as opens,
    any_value(answers.late_us) as late_us
from event, answers
where epoch_us(occurred_at) < $until_us
