-- Turn lines of JSON into the columns of the contract, as text.
-- Grain: one row per line.  Reads: raw (row, line).
-- A fault is what is wrong with the line as JSON; `judge` passes it on.
with parsed as (
    select
        row,
        case when json_valid(line) then case when json_type(line) = 'OBJECT' then line end end
            as object,
        -- The parser lets these through; JSON (RFC 8259, section 6) does not know them.
        regexp_matches(line, '[:\[,]\s*-?(?i:nan|inf)') as has_no_number
    from raw
),
extracted as (
    select
        row,
        object,
        has_no_number,
        json_keys(object) as keys,
        json_extract_string(object, [
            '$.event_id', '$.user_id', '$.event_type', '$.send_id', '$.campaign_id',
            '$.variant_id', '$.message_type', '$.channel', '$.platform', '$.timezone',
            '$.occurred_at', '$.propensity'
        ]) as texts,
        json_type(object, [
            '$.event_id', '$.user_id', '$.event_type', '$.send_id', '$.campaign_id',
            '$.variant_id', '$.message_type', '$.channel', '$.platform', '$.timezone',
            '$.occurred_at', '$.propensity'
        ]) as types,
        json_extract(object, '$.attributes') as attributes
    from parsed
),
checked as (
    select
        *,
        list_filter(keys, lambda k: not list_contains($contract_columns, k)) as further_keys,
        list_position(list_transform(types, lambda t: t in ('OBJECT', 'ARRAY', 'BOOLEAN')), true)
            as misfit
    from extracted
)
select
    row,
    texts[1] as event_id,
    texts[2] as user_id,
    texts[3] as event_type,
    texts[4] as send_id,
    texts[5] as campaign_id,
    texts[6] as variant_id,
    texts[7] as message_type,
    texts[8] as channel,
    texts[9] as platform,
    texts[10] as timezone,
    texts[11] as occurred_at,
    texts[12] as propensity,
    case when json_type(attributes) <> 'NULL' then attributes::varchar end as attributes,
    case
        when len(further_keys) > 0 then '{' || array_to_string(
            list_transform(
                further_keys,
                -- RFC 6901, section 3: in a pointer ~ and / are escaped.
                lambda k: to_json(k)::varchar || ':'
                    || (object -> ('/' || replace(replace(k, '~', '~0'), '/', '~1')))::varchar
            ), ','
        ) || '}'
    end as extra,
    case
        when object is null then ''
        when has_no_number then ''
        when len(keys) <> len(list_distinct(keys)) then ''
        when misfit is not null then [
            'event_id', 'user_id', 'event_type', 'send_id', 'campaign_id', 'variant_id',
            'message_type', 'channel', 'platform', 'timezone', 'occurred_at', 'propensity'
        ][misfit]
    end as fault_column,
    case
        when object is null or has_no_number or len(keys) <> len(list_distinct(keys))
            then 'malformed_json'
        when misfit is not null then 'wrong_type'
    end as fault_code,
    case
        when object is null then 'the line is no JSON object'
        when has_no_number then 'NaN and infinities are no JSON'
        when len(keys) <> len(list_distinct(keys)) then 'a key stands twice'
        when misfit is not null then 'is neither text nor a number'
    end as fault_reason
from checked
