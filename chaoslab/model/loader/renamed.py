"""Names that a topology may still have from before they were renamed, for one release."""

from __future__ import annotations

# Verdicts bear the name of their expectation since 0.2.
VERDICTS = {
    "boot": "starts",
    "fails fast": "fails_fast",
    "restarts": "no_restarts",
    "degraded": "degrades",
    "available": "stays_available",
    "live": "stays_live",
    "prober": "answers_in_time",
    "ready": "ready_when_serving",
    "recovery": "recovers",
    "kept": "keeps_acknowledged",
    "refusal": "refuses_honestly",
    "first request": "first_request_served",
    "connections": "releases_connections",
    "retries": "backs_off",
    "latency": "regains_latency",
}
