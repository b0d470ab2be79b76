-- delays
-- Grain: one row per (stage in which a send was answered, stages that it was watched for).
-- Reads: event.  Params: $outcome, $until_us, $ends_us (ends of the stages after a send).
-- Stages count from 0; answered = the number of stages for sends without an answer in any.
with sent as (
    select send_id, epoch_us(min(occurred_at)) as sent_us from event
    where event_type = 'send' and epoch_us(occurred_at) < $until_us
    group by send_id
),
answer as (
    select send_id, epoch_us(min(occurred_at)) as answered_us from event
    where event_type = $outcome and epoch_us(occurred_at) < $until_us and send_id is not null
    group by send_id
),
placed as (
    select
        if(
            a.answered_us is null,
            len($ends_us),
            len(list_filter($ends_us, lambda ends: ends <= a.answered_us - s.sent_us))
        ) as answered,
        len(list_filter($ends_us, lambda ends: ends <= $until_us - s.sent_us)) as observed
    from sent s
    left join answer a on a.send_id = s.send_id and a.answered_us >= s.sent_us
)
select answered, observed, count(*) as sends
from placed
group by answered, observed
order by answered, observed
