"""What the live exchange counts, for Prometheus. Labels hold words of ours, never ids or anything a person wrote."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

CONNECTIONS = Gauge("messages_live_connections", "Open sockets.", ["plane"])
USERS = Gauge("messages_live_users", "People with at least one open socket.", ["plane"])
CLOSES = Counter("messages_live_closes_total", "Sockets closed by the server, by close code.", ["plane", "code"])
HELLOS = Counter("messages_live_hellos_total", "Hellos, with or without a resume.", ["plane", "resume"])
CATCH_UPS = Counter("messages_live_catch_ups_total", "Catch-ups by their cause.", ["plane", "cause"])
HOLES = Counter("messages_live_holes_total", "Holes: an entry arrived ahead of a missing one.", ["plane"])
HOLES_FILLED = Counter(
    "messages_live_holes_filled_total",
    "Holes that closed: by the missing event, or from the database.",
    ["plane", "by"],
)
GAPS = Counter(
    "messages_live_gaps_total", "Streams in which a recovery itself left entries out: must stay 0.", ["plane"]
)
QUEUE_FULL = Counter(
    "messages_live_queue_full_closes_total", "Sockets closed because too much waited for their client.", ["plane"]
)
FRAMES_IN = Counter("messages_live_frames_total", "Client frames by op, or refused.", ["plane", "op"])
DELIVERIES = Counter("messages_live_deliveries_total", "Pushes handed to sockets.", ["plane"])
FAN_OUT_DELAY = Histogram(
    "messages_fan_out_delay_seconds",
    "Seconds from an entry's own time to the moment its frame is queued for every socket.",
    ["plane"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENTS_REFUSED = Counter("messages_live_events_refused_total", "Events that no plane of ours may see.", ["plane"])
SENDS = Counter("messages_sends_total", "Messages sent on to conversations, by outcome.", ["plane", "outcome"])
SEND_BATCH = Histogram(
    "messages_send_batch_items", "Messages in one batch.", ["plane"], buckets=(1, 2, 5, 10, 20, 50, 100, 200)
)
PRESENCE_DROPPED = Counter(
    "messages_live_presence_dropped_total", "Presence signs not told: too many, or conversations was away.", ["plane"]
)
BROKER_UP = Gauge("messages_live_broker_connected", "1 while events arrive from the broker.", ["plane"])
RELAY_SILENCE = Gauge(
    "messages_live_relay_silence_seconds",
    "Since the leading relay was heard here, or, where it never was, since the process began.",
    ["plane"],
)
NOTICES = Counter("messages_notices_total", "Notices to push services, by what came of them.", ["plane", "outcome"])
NOTICES_DROPPED = Counter("messages_notices_dropped_total", "Messages of which nobody was told any more.", ["plane"])
NOTICES_WAITING = Gauge("messages_notices_waiting_items", "Messages whose notices are not out yet.", ["plane"])


@cache
def frames_in(plane: str, op: str) -> Counter:
    """Return the counter of one op's frames, looked up once."""
    return FRAMES_IN.labels(plane=plane, op=op)
