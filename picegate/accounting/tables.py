"""The ledger's tables: a row per request, and what belongs to it.

Times of day are UTC; those in seconds (`_s`) count from the request's arrival, as in `core.usage`.

What was thought of later has a table of its own: databases made before need no migration.
"""

from sqlalchemy import JSON, Boolean, Column, DateTime, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True),
    # Not unique: a client may send the same x-request-id again.
    Column("request_id", String(200), nullable=False, index=True),
    Column("at", DateTime, nullable=False, index=True),  # when it arrived
    Column("day", String(10), nullable=False),  # of `at`, 2025-01-31: every database groups by it alike
    Column("key_id", String(32)),
    Column("model", String(200), nullable=False),
    Column("mode", String(16), nullable=False),  # "none": it failed before there was a plan
    Column("level", Integer, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("forced", Boolean, nullable=False),
    Column("finish_reason", String(32), nullable=False),
    Column("error", Text),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cloud_prompt_tokens", Integer, nullable=False),
    Column("cloud_cached_tokens", Integer, nullable=False),  # of cloud_prompt_tokens
    Column("cloud_completion_tokens", Integer, nullable=False),
    Column("edge_completion_tokens", Integer, nullable=False),
    Column("estimated", Boolean, nullable=False),  # some upstream named no counts, so ours stand in
    Column("first_token_s", Float),
    Column("total_s", Float, nullable=False),
    Column("currency", String(8), nullable=False),
    Column("cost", Float, nullable=False),
    Column("cloud_only_cost", Float, nullable=False),  # an estimate, see savings.py
    Column("prompt", JSON),  # the messages; only with storage.store_text
    Column("answer", Text),  # only with storage.store_text
)

# What a request's planner had expected, beside what came of it.
forecasts = Table(
    "forecasts",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("service_level", String(16), nullable=False),
    Column("answer_tokens_p10", Integer, nullable=False),
    Column("answer_tokens_p50", Integer, nullable=False),
    Column("answer_tokens_p90", Integer, nullable=False),
    Column("first_token_s", Float),
    Column("finish_s", Float),
    Column("cloud_tokens", Float),
    Column("edge_tokens", Float),
    Column("numbers", JSON, nullable=False),  # what else the plan was made by
)

# The ways to answer that the plan was chosen from, where there was a choice, and the forecast's shares behind them.
weighings = Table(
    "weighings",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("delegable", Float, nullable=False),
    Column("chained", Float, nullable=False),
    Column("hard", Float, nullable=False),
    Column("chosen", Integer),  # which of the options, counted from 0
    Column("options", JSON, nullable=False),  # a list of figures each, in the order of weighing.py
)

# What was found in the passages that were scored. `leg`: which of the request's legs wrote it, counted from 0.
qualities = Table(
    "qualities",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("kept", Boolean),  # False: another leg's passage took its place
    Column("confidence", Float, nullable=False),
    Column("defects", JSON, nullable=False),
    Column("mean_logprob", Float),
)

legs = Table(
    "legs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("where", String(64), nullable=False),  # "cloud" or the node's name
    Column("model", String(200), nullable=False),
    Column("point", Integer),
    Column("end", String(16), nullable=False),
    Column("error", Text),
    Column("started_s", Float, nullable=False),  # when it went out, any waiting done
    Column("first_token_s", Float),
    Column("ended_s", Float),
    Column("prompt_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
)

# Legs that waited for a slot on a node or a place at the cloud, just before they started. `leg`: as in `qualities`.
waits = Table(
    "waits",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("waited_s", Float, nullable=False),
)

# Every delegated passage. `segment`: its place among all stretches of the answer, the cloud's own text included.
passages = Table(
    "passages",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("point", Integer, nullable=False),
    Column("words", Integer, nullable=False),  # that it was asked for
    Column("opened_s", Float, nullable=False),  # its line closed
    Column("turn_s", Float),  # readers came to it
    Column("done_s", Float),
    Column("writer", String(64), nullable=False),  # empty where nobody finished it
    Column("attempts", Integer, nullable=False),
    Column("stood_in", Boolean, nullable=False),  # nobody could write it: its notes took its place
    Column("candidates", Integer, nullable=False),
    Column("why", Text, nullable=False),  # so many candidates
)

# Where readers of a running answer had to wait, by segment; `from_s` and `longest_s` are of the longest pause.
stalls = Table(
    "stalls",
    metadata,
    Column("request", Integer, ForeignKey(requests.c.id, ondelete="CASCADE"), primary_key=True),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("times", Integer, nullable=False),
    Column("total_s", Float, nullable=False),
    Column("from_s", Float, nullable=False),
    Column("longest_s", Float, nullable=False),
)
