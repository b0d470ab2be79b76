-- Templated: create secret takes no parameters. Kept in memory only.
create temporary secret log_data (
    type s3,
    endpoint {endpoint},
    region {region},
    key_id {key_id},
    secret {secret},
    use_ssl {use_ssl},
    url_style {url_style},
    scope {scope}
)
