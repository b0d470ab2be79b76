"""Every table of the state, the same on SQLite and PostgreSQL.

Every row belongs to a tenant, but for those of `home`, and `tenant_id` leads every key, so that a
query without it does not use an index, and does not pass review. A row carries a hash of its
columns that never change after its insert; what an `apart_from` names is written later, or by the
database. `make docs` makes a page of this file: beside each table stands what a row is.
"""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.records import SendState
from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash

#: SQLite autoincrements only INTEGER primary keys.
Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData()

home = sa.Table(  # one identity of a home, from its first start or its restoring on; never deleted
    "home",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # the highest holds
    sa.Column("home_id", sa.Text, nullable=False),
    sa.Column("copy_of", sa.Text),  # the id of the home whose place it may take
    row_hash(),
)

tenant = sa.Table(  # one company that sends
    "tenant",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("timezone", sa.Text, nullable=False),  # where a user's zone is unknown
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("import_epoch", sa.BigInteger, nullable=False, server_default="0"),  # import_gate
    sa.Column("plan_epoch", sa.BigInteger, nullable=False, server_default="0"),  # plan_epoch
    row_hash(apart_from=("import_epoch", "plan_epoch")),
)

api_key = sa.Table(  # one key of a tenant, in force until it ends or is revoked
    "api_key",
    metadata,
    sa.Column("tenant_id", sa.Text, sa.ForeignKey("tenant.tenant_id"), nullable=False),
    sa.Column("key_id", sa.Text, primary_key=True),  # the public half, part of the key itself
    sa.Column("secret_hash", sa.Text, nullable=False),  # SHA-256 of the 256-bit random half
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("role", sa.Text),  # null = a key of before there were roles: it may do everything
    sa.Column("expires_at", Instant),  # null = never
    sa.Column("last_used_at", Instant),  # to the hour
    row_hash(apart_from=("revoked_at", "expires_at", "last_used_at")),
)

role = sa.Table(  # one role that a tenant has made for its keys
    "role",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("permissions", sa.JSON, nullable=False),  # an array of their names
    sa.Column("made_at", Instant, nullable=False),
    row_hash(),
)

app_user = sa.Table(  # what is known of one user beside the log: zone and consent
    "app_user",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("timezone", sa.Text),  # IANA; the profile's zone
    sa.Column("opted_out_at", Instant),  # by the user's clock; null = may be sent to
    sa.Column("opt_out_known_at", Instant),  # since when we have known; null with opted_out_at
    sa.Column("last_opt_out_at", Instant),  # the latest word of each kind, in whatever order
    sa.Column("last_opt_in_at", Instant),  # they came in
    sa.Column("updated_at", Instant, nullable=False),
)

device = sa.Table(  # one installation that can receive messages, alive or dead
    "device",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.JSON, nullable=False),
    sa.Column("address_hash", sa.Text, nullable=False),  # one address is one device
    sa.Column("platform", sa.Text),
    sa.Column("timezone", sa.Text),  # IANA; the device's own zone
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("dead_at", Instant),  # the provider said it is gone
    sa.Column("dead_reason", sa.Text),
    row_hash(apart_from=("dead_at", "dead_reason")),
    sa.UniqueConstraint("tenant_id", "channel", "address_hash"),
    sa.Index("device_by_user", "tenant_id", "user_id"),
)

planned_send = sa.Table(  # one message to one user: its time, and where it stands
    "planned_send",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("variant_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("device_id", sa.Text),  # of the plan; each attempt names the one that it went to
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("due_at", Instant),  # the promise: never before; null only if suppressed
    sa.Column("expires_at", Instant),
    sa.Column("ready_at", Instant),  # when the dispatcher looks next: due_at, later a retry's time
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("attempt_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claim_expires_at", Instant),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),  # grows with every claim
    sa.Column("handed_over_at", Instant),  # when the provider accepted it
    sa.Column("handed_over_to", sa.Text),  # the device; null = not yet, or by an earlier release
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("arm", sa.Text),  # an `Arm`; null = no experiment. Suppressed sends too
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),  # it was planned by
    sa.Column("basis", sa.Integer),  # why it has its time; null = in `decision`
    sa.Column("scores", sa.LargeBinary),  # of its slots, see `packed_scores`; null = it has none
    sa.Column("propensity", sa.Float),
    sa.Column("gain_probability", sa.Float),
    sa.Column("explored", sa.Boolean),
    sa.Column("variant_propensity", sa.Float),
    sa.Column("timezone_confidence", sa.Float),
    sa.Column("quiet_offsets", sa.JSON(none_as_null=True)),  # minutes east of UTC
    sa.Column("send_key", sa.Text, nullable=False, server_default=""),  # of one that was asked for
    sa.Column("urgent", sa.Boolean),  # goes before what is not; null = no
    sa.Column("ignores_quiet_hours", sa.Boolean),  # as its sender has said; null = no
    row_hash(
        apart_from=(
            "ready_at",
            "state",
            "reason",
            "attempt_count",
            "claimed_by",
            "claim_expires_at",
            "fence",
            "handed_over_at",
            "handed_over_to",
            "revision",
            "send_key",  # older rows have none; of every other one the id follows from it
        )
    ),
    # One message a user and campaign, or key, however often the plan is committed.
    sa.Index("planned_send_once", "tenant_id", "campaign_id", "user_id", "send_key", unique=True),
    sa.Index("planned_send_ready", "state", "ready_at"),
    # What a user gets when, of all campaigns.
    sa.Index("planned_send_by_user", "tenant_id", "user_id", "due_at"),
    # The few that explored, for the budget of the next plan.
    sa.Index(
        "planned_send_explored",
        "tenant_id",
        "planned_at",
        sqlite_where=sa.text("explored = 1"),
        postgresql_where=sa.text("explored"),
    ),
)

#: Of sends that go before all others. Few, whatever is due.
IS_URGENT = planned_send.c.urgent.is_(sa.true())
sa.Index(
    "planned_send_urgent",
    planned_send.c.state,
    planned_send.c.ready_at,
    sqlite_where=IS_URGENT,
    postgresql_where=IS_URGENT,
)

#: Who has claimed a send that is held; see `hold`.
HOLDER = "held"


def _literal(text: str) -> sa.BindParameter[str]:
    return sa.bindparam(None, text, sa.Text, literal_execute=True)


#: A claim of a dispatcher. Its texts stand in the statement itself: else no database sees that the
#: index over these rows has what is asked for.
IS_A_DISPATCHERS_CLAIM = sa.and_(
    planned_send.c.state == _literal(SendState.CLAIMED),
    planned_send.c.claimed_by.is_distinct_from(_literal(HOLDER)),
)
# Few, whatever is planned or held. By `state` too, or SQLite would rather take the index above.
sa.Index(
    "planned_send_claims",
    planned_send.c.state,
    planned_send.c.ready_at,
    sqlite_where=IS_A_DISPATCHERS_CLAIM,
    postgresql_where=IS_A_DISPATCHERS_CLAIM,
)

IS_UNFINISHED = planned_send.c.state.in_(
    [_literal(state) for state in (SendState.PLANNED, SendState.CLAIMED)]
)
sa.Index(  # whether a campaign is over, however much it has sent
    "planned_send_unfinished",
    planned_send.c.tenant_id,
    planned_send.c.campaign_id,
    sqlite_where=IS_UNFINISHED,
    postgresql_where=IS_UNFINISHED,
)

#: Ends that somebody looks for among those that went well.
ENDED_BADLY = (
    SendState.FAILED,
    SendState.EXPIRED,
    SendState.CANCELLED,
    SendState.SUPPRESSED,
)
IS_ENDED_BADLY = planned_send.c.state.in_([_literal(state) for state in ENDED_BADLY])
sa.Index(
    "planned_send_ended_badly",
    planned_send.c.tenant_id,
    planned_send.c.state,
    planned_send.c.campaign_id,
    planned_send.c.user_id,
    sqlite_where=IS_ENDED_BADLY,
    postgresql_where=IS_ENDED_BADLY,
)

decision = sa.Table(  # why a send has its time that was asked for, or is of an earlier release
    "decision",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("slots", sa.JSON, nullable=False),  # as in decision_rows
    sa.Column("chosen_at", Instant),
    sa.Column("propensity", sa.Float),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("binding_constraint", sa.Text),
    sa.Column("fallback_reason", sa.Text),
    sa.Column("model_version", sa.Text),
    sa.Column("log_snapshot", sa.BigInteger),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("timezone_source", sa.Text, nullable=False),
    # What a decision of the first release does not hold is null in it.
    sa.Column("served_by", sa.Text),
    sa.Column("gain_probability", sa.Float),
    sa.Column("abstention_reason", sa.Text),
    sa.Column("explored", sa.Boolean),
    sa.Column("exploration_bound_by", sa.Text),
    sa.Column("variant_propensity", sa.Float),
    sa.Column("variant_evidence", sa.Text),
    sa.Column("variant_confidence", sa.Float),
    sa.Column("timezone_confidence", sa.Float),
    sa.Column("quiet_offsets", sa.JSON(none_as_null=True)),  # minutes east of UTC
    sa.Column("send_propensity", sa.Float),  # P(it is not kept back); null = nobody drew that
    sa.Column("zone_database", sa.Text),  # release by which clocks were read; null = of before
    row_hash(),
    # The few that explored, for the budget of the next plan.
    sa.Index(
        "decision_explored",
        "tenant_id",
        "send_id",
        sqlite_where=sa.text("explored = 1"),
        postgresql_where=sa.text("explored"),
    ),
)

attempt = sa.Table(  # one call to a provider; without an end its outcome is unknown
    "attempt",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("device_id", sa.Text),  # it went to; null = in an earlier release
    sa.Column("finished_at", Instant),  # null = in flight, or the process died: outcome unknown
    sa.Column("outcome", sa.Text),  # accepted, retry, dead_address, permanent
    sa.Column("reason", sa.Text),
    row_hash(apart_from=("finished_at", "outcome", "reason")),
)

link = sa.Table(  # one signed link of a send, which all its attempts share
    "link",
    metadata,
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("link_id", sa.Text, primary_key=True),  # 128 random bits, the middle of the token
    sa.Column("send_id", sa.Text, nullable=False),
    sa.Column("destination", sa.Text, nullable=False),  # fixed at send time; the only redirect
    sa.Column("created_at", Instant, nullable=False),
    row_hash(),
    sa.Index("link_by_send", "tenant_id", "send_id"),
)

click = sa.Table(  # one request for a link, billable or not
    "click",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("click_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, nullable=False),
    sa.Column("link_id", sa.Text, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("user_agent", sa.Text, nullable=False),
    sa.Column("filtered_reason", sa.Text),  # null = billable
    sa.Column("period", sa.Text),  # the statement that counts it; null = not metered yet
    row_hash(apart_from=("period",)),
    # One billable click a send, for ever, across devices and links.
    sa.Index(
        "click_counted_once",
        "tenant_id",
        "send_id",
        unique=True,
        sqlite_where=sa.text("filtered_reason IS NULL"),
        postgresql_where=sa.text("filtered_reason IS NULL"),
    ),
    sa.Index("click_by_period", "tenant_id", "period", "occurred_at"),
)

response = sa.Table(  # what came back for a send, at most one of a kind
    "response",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("filtered_reason", sa.Text),  # null = counts
    sa.Column("period", sa.Text),  # the statement that counts it; null = not metered
    row_hash(apart_from=("period",)),
    sa.Index("response_by_period", "tenant_id", "kind", "period", "occurred_at"),
)

drift_alarm = sa.Table(  # the last value of one measure of drift
    "drift_alarm",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float),  # null = too few users to tell
    sa.Column("ringing", sa.Boolean, nullable=False),
    sa.Column("until", Instant, nullable=False),  # the end of the week that was looked at
)

event_outbox = sa.Table(  # one event that the service took or caused, also once it is in the log
    "event_outbox",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("event", sa.JSON, nullable=False),  # the whole Event
    sa.Column("recorded_at", Instant, nullable=False),
    # Dense order in which the appender copies to the log; given by the appender alone, because
    # sequences are not handed out in commit order.
    sa.Column("position", sa.BigInteger, unique=True),
    sa.Column("refused_reason", sa.Text),  # the log already held this id with other content
    row_hash(apart_from=("sequence", "position", "refused_reason")),
    sa.UniqueConstraint("tenant_id", "event_id", name="event_outbox_once"),
    sa.Index(
        "event_outbox_waiting",
        "sequence",
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    ),
)
