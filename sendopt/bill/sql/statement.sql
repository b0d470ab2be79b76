-- statement
-- The statement of $period from the log alone: every rule but those that need the HTTP request is
-- applied again, and every amount is computed again in integers.
-- Grain: one row per kind, month of occurrence and rate card with a fact counted in $period.
-- Reads: event, send; inputs rate_card (version, effective_us, window_us, click_price, response_price,
-- prices in 1/10000 minor units) and late (event_id, period: facts recorded after their own
-- period was closed).  Params: $period, $default_window_us, $fastest_tap_us.
-- Times are microseconds since 1970 in UTC, so that no session's zone can move a fact.
with
sent as (
    select user_id, send_id, epoch_us(occurred_at) as handed_over_us
    from send
),
measured as (
    select
        event_id,
        event_type as kind,
        user_id,
        send_id,
        epoch_us(occurred_at) as at_us,
        json_extract_string(attributes, '$.filtered_reason') as recorded_reason
    from event
    where event_type in ('click', 'response')
      -- Only what the service measured itself; a tenant's imported history is not for sale.
      and json_extract(attributes, '$.counting_rules') is not null
),
attributed as (
    select
        measured.*,
        sent.handed_over_us,
        coalesce(rate_card.window_us, $default_window_us) as window_us
    from measured
    left join sent using (user_id, send_id)
    asof left join rate_card on sent.handed_over_us >= rate_card.effective_us
),
judged as (
    select
        *,
        case
            when kind = 'click' and recorded_reason in (
                'head_request', 'prefetch', 'no_user_agent', 'bot', 'not_handed_over'
            ) then recorded_reason
            when handed_over_us is null then 'not_handed_over'
            when kind = 'click' and at_us - handed_over_us < $fastest_tap_us then 'too_fast'
            when at_us - handed_over_us >= window_us then 'outside_window'
        end as reason
    from attributed
),
ranked as (
    select
        *,
        row_number() over (
            partition by kind, user_id, send_id, reason is null order by at_us, event_id
        ) as place
    from judged
),
counted as (
    select
        event_id,
        kind,
        at_us,
        case when reason is null and place > 1 then 'duplicate' else reason end as reason,
        strftime(make_timestamp(at_us), '%Y-%m') as occurred_in
    from ranked
),
priced as (
    select
        counted.kind,
        counted.occurred_in,
        counted.reason,
        rate_card.version,
        case counted.kind
            when 'click' then rate_card.click_price
            else rate_card.response_price
        end as price
    from counted
    left join late using (event_id)
    asof left join rate_card on counted.at_us >= rate_card.effective_us
    where coalesce(late.period, counted.occurred_in) = $period
),
reasons as (
    select kind, occurred_in, version, price, reason, count(*) as facts
    from priced
    group by all
),
lines as (
    select
        kind,
        occurred_in,
        version,
        price,
        sum(facts)::bigint as gross,
        coalesce(sum(facts) filter (where reason is null), 0)::bigint as net,
        list({'reason': reason, 'count': facts} order by reason)
            filter (where reason is not null) as filtered
    from reasons
    group by kind, occurred_in, version, price
),
amounts as (
    select *, net::hugeint * coalesce(price, 0) as exact from lines
)
select
    kind,
    occurred_in,
    version,
    price,
    gross,
    filtered,
    net,
    -- Half to even: up if more than half a minor unit is left, or exactly half and odd.
    (
        exact // 10000
        + case
            when exact % 10000 > 5000 then 1
            when exact % 10000 = 5000 and (exact // 10000) % 2 = 1 then 1
            else 0
        end
    )::bigint as amount_minor
from amounts
order by kind, occurred_in, version nulls first
