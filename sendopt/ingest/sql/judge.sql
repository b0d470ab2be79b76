-- Judge rows by the rules of the Event contract; the first broken rule becomes the fault.
-- Grain: one row per row of `raw`.  Reads: raw, zone (name).
-- Params: $latest, $event_types, $caused_by_send, $reserved.
with typed as (
    select
        row,
        nullif(event_id, '') as event_id,
        nullif(user_id, '') as user_id,
        nullif(event_type, '') as event_type,
        try_cast(occurred_at as timestamptz) as occurred_at,
        -- Only of files in which times are text.
        case when typeof(occurred_at) = 'VARCHAR' then nullif(occurred_at::varchar, '') end
            as occurred_text,
        nullif(send_id, '') as send_id,
        nullif(campaign_id, '') as campaign_id,
        nullif(variant_id, '') as variant_id,
        nullif(message_type, '') as message_type,
        nullif(channel, '') as channel,
        nullif(platform, '') as platform,
        nullif(timezone, '') as timezone,
        try_cast(propensity as double) as propensity,
        case when typeof(propensity) = 'VARCHAR' then nullif(propensity::varchar, '') end
            as propensity_text,
        case
            when typeof(attributes) = 'VARCHAR' then nullif(attributes::varchar, '')
            else to_json(attributes)::varchar
        end as given,
        case when typeof(extra) = 'VARCHAR' then extra::varchar else to_json(extra)::varchar end
            as extra,
        fault_column,
        fault_code,
        fault_reason
    from raw
),
merged as (
    select
        *,
        given is null
            or case when json_valid(given) then json_type(given) = 'OBJECT' else false end
            as given_fits,
        case
            when given is null then coalesce(extra, '{}')
            when not given_fits then '{}'
            when extra is null then given
            else json_merge_patch(given, extra)::varchar
        end as object
    from typed
),
canonical as (
    -- Sorted keys and no nulls: equal attributes are equal text, so a repeat is seen as one.
    select
        * exclude (object, given, extra),
        case
            when object = '{}' then '{}'
            else '{' || array_to_string(
                list_transform(
                    list_filter(
                        list_sort(json_keys(object)),
                        lambda k: json_type(
                            object, '/' || replace(replace(k, '~', '~0'), '/', '~1')
                        ) <> 'NULL'
                    ),
                    lambda k: to_json(k)::varchar || ':'
                        || (object -> ('/' || replace(replace(k, '~', '~0'), '/', '~1')))::varchar
                ), ','
            ) || '}'
        end as attributes
    from merged
),
judged as (
    select
        *,
        case
            when fault_code is not null then
                {'column': fault_column, 'code': fault_code, 'reason': fault_reason}
            when
                event_id is null
                or length(event_id) > 128
                or regexp_matches(event_id, '[\s\p{C}\p{Z}]')
            then {
                'column': 'event_id',
                'code': 'event_id_invalid',
                'reason': 'must be 1 to 128 characters, without spaces and control characters'
            }
            when user_id is null then
                {'column': 'user_id', 'code': 'missing_field', 'reason': 'is empty'}
            -- Control characters, and marks that make text read in another order than it has.
            when
                regexp_matches(
                    concat_ws(
                        ' ', user_id, send_id, campaign_id, variant_id, message_type, channel,
                        platform
                    ),
                    '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]'
                )
            then {
                'column': case
                    when regexp_matches(user_id, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'user_id'
                    when regexp_matches(send_id, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'send_id'
                    when regexp_matches(campaign_id, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'campaign_id'
                    when regexp_matches(variant_id, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'variant_id'
                    when regexp_matches(message_type, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'message_type'
                    when regexp_matches(channel, '[\p{Cc}\x{202A}-\x{202E}\x{2066}-\x{2069}]')
                    then 'channel'
                    else 'platform'
                end,
                'code': 'text_invalid',
                'reason': 'holds a control character'
            }
            when
                greatest(
                    length(user_id), length(send_id), length(campaign_id), length(variant_id),
                    length(message_type), length(channel), length(platform)
                ) > 256
            then {
                'column': case
                    when length(user_id) > 256 then 'user_id'
                    when length(send_id) > 256 then 'send_id'
                    when length(campaign_id) > 256 then 'campaign_id'
                    when length(variant_id) > 256 then 'variant_id'
                    when length(message_type) > 256 then 'message_type'
                    when length(channel) > 256 then 'channel'
                    else 'platform'
                end,
                'code': 'text_invalid',
                'reason': 'is longer than 256 characters'
            }
            when event_type is null then
                {'column': 'event_type', 'code': 'missing_field', 'reason': 'is empty'}
            when not list_contains($event_types, event_type) then {
                'column': 'event_type',
                'code': 'event_type_unknown',
                'reason': 'is none of ' || array_to_string($event_types, ', ')
            }
            when send_id is null and list_contains($caused_by_send, event_type) then {
                'column': 'send_id',
                'code': 'missing_field',
                'reason': 'must name the send that caused this ' || event_type
            }
            when regexp_full_match(occurred_text, '[+-]?\d{9,20}(\.\d*)?') then {
                'column': 'occurred_at',
                'code': 'time_unit_suspect',
                'reason': 'is a number, perhaps of '
                    || case
                        when length(occurred_text) < 12 then 'seconds'
                        when length(occurred_text) < 15 then 'milliseconds'
                        when length(occurred_text) < 18 then 'microseconds'
                        else 'nanoseconds'
                    end
                    || ' since 1970; write a timestamp with a zone'
            }
            when
                occurred_at is null
                -- Text is cast leniently: 24:00, zones by name, no zone. RFC 3339 is the rule.
                or not regexp_full_match(
                    coalesce(occurred_text, '2000-01-01T00:00:00Z'),
                    '\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.]\d{1,9})? ?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)'
                )
            then {
                'column': 'occurred_at',
                'code': 'time_invalid',
                'reason': 'must be a time with a zone, such as 2026-10-01T09:00:00+02:00'
            }
            when occurred_at < timestamptz '1971-01-01 00:00:00+00' then {
                'column': 'occurred_at',
                'code': 'time_unit_suspect',
                'reason': 'lies in 1970 or before: seconds that were read as milliseconds?'
            }
            when occurred_at > $latest then {
                'column': 'occurred_at',
                'code': 'time_in_future',
                'reason': 'lies more than 5 minutes in the future'
            }
            when timezone not in (select name from zone) then {
                'column': 'timezone',
                'code': 'zone_invalid',
                'reason': 'is no IANA zone name, such as Europe/Berlin'
            }
            when propensity is null and propensity_text is not null then
                {'column': 'propensity', 'code': 'wrong_type', 'reason': 'is no number'}
            when not (propensity > 0 and propensity <= 1) then {
                'column': 'propensity',
                'code': 'number_out_of_range',
                'reason': 'must be above 0 and at most 1; leave it empty where it was not logged'
            }
            when not given_fits then
                {'column': 'attributes', 'code': 'malformed_json', 'reason': 'is no JSON object'}
            when json_exists(attributes, '$.' || $reserved) then {
                'column': 'attributes',
                'code': 'attribute_reserved',
                'reason': 'may not hold ' || $reserved || ', by which sendopt marks what it counted'
            }
            when length(attributes) > 65536 or regexp_matches(attributes, '([\[{]("[^"]*":)?){33}')
            then {
                'column': 'attributes',
                'code': 'too_complex',
                'reason': 'is longer than 65536 characters or deeper than 32 levels'
            }
        end as fault
    from canonical
)
select
    row,
    event_id,
    user_id,
    event_type,
    occurred_at,
    send_id,
    campaign_id,
    variant_id,
    message_type,
    channel,
    platform,
    timezone,
    propensity,
    attributes,
    fault.column as "column",
    fault.code as code,
    fault.reason as reason
from judged
