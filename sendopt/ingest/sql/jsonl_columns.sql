-- Turn lines of JSON into the columns of the contract, as text.
-- Grain: one row per line.  Reads: raw (row, line).  Params: $contract_columns.
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
        json_transform(object, '{
            "event_id": "VARCHAR", "user_id": "VARCHAR", "event_type": "VARCHAR",
            "send_id": "VARCHAR", "campaign_id": "VARCHAR", "variant_id": "VARCHAR",
            "message_type": "VARCHAR", "channel": "VARCHAR", "platform": "VARCHAR",
            "timezone": "VARCHAR", "occurred_at": "VARCHAR", "propensity": "VARCHAR",
            "attributes": "VARCHAR"
        }') as field,
        json_keys(object) as keys,
        -- In the order of $contract_columns; null where the key is missing.
        json_type(object, [
            '$.event_id', '$.user_id', '$.event_type', '$.send_id', '$.campaign_id',
            '$.variant_id', '$.message_type', '$.channel', '$.platform', '$.timezone',
            '$.occurred_at', '$.propensity', '$.attributes'
        ]) as types
    from parsed
),
checked as (
    select
        *,
        list_filter(keys, lambda k: not list_contains($contract_columns, k)) as further_keys,
        list_position(
            list_transform(types[:-2], lambda t: t in ('OBJECT', 'ARRAY', 'BOOLEAN')), true
        ) as misfit
    from extracted
),
faulted as (
    select
        *,
        case
            when object is null then
                {'column': '', 'code': 'malformed_json', 'reason': 'the line is no JSON object'}
            when has_no_number then
                {'column': '', 'code': 'malformed_json', 'reason': 'NaN and inf are no JSON'}
            when
                len(keys) - len(further_keys) <> list_count(types)
                or (len(further_keys) > 1 and not list_unique(further_keys) = len(further_keys))
            then {'column': '', 'code': 'malformed_json', 'reason': 'a key stands twice'}
            when misfit is not null then {
                'column': $contract_columns[misfit],
                'code': 'wrong_type',
                'reason': 'is neither text nor a number'
            }
        end as fault
    from checked
)
select
    row,
    field.event_id,
    field.user_id,
    field.event_type,
    field.send_id,
    field.campaign_id,
    field.variant_id,
    field.message_type,
    field.channel,
    field.platform,
    field.timezone,
    field.occurred_at,
    field.propensity,
    field.attributes,
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
    fault.column as fault_column,
    fault.code as fault_code,
    fault.reason as fault_reason
from faulted
