-- came_by
-- Grain: one row per row of `asked` about whose user something is known around its instant.
-- Reads: event, asked (number, user_id, at_us).
-- Params: $event_type, $name, $window_us.
-- Whether the user did it within the window after the instant, [at, at + window), and whether in
-- the window before it, [at - window, at). $name: only events whose attribute `name` it is; null =
-- all.
select
    a.number,
    bool_or(epoch_us(e.occurred_at) >= a.at_us) as came_after,
    bool_or(epoch_us(e.occurred_at) < a.at_us) as came_before
from asked a
join event e on e.user_id = a.user_id
where e.event_type = $event_type
    and epoch_us(e.occurred_at) >= a.at_us - $window_us
    and epoch_us(e.occurred_at) < a.at_us + $window_us
    and ($name::text is null or json_extract_string(e.attributes, '$.name') = $name)
group by a.number
