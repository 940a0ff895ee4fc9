"""What a run says at its end: on the screen, and as JSON beside it."""

import json
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.breaches import Kind
from tests.chaos.histories import CaughtUp, Greeted, Heard, Record, Verdict, WentOn
from tests.chaos.outages import Waits, longest, worst
from tests.chaos.run import Outcome

NAMED_AT_MOST = 40


def written(outcome: Outcome, into: Path, replay: str) -> Path:
    """Write the report as JSON; return where."""
    into.mkdir(parents=True, exist_ok=True)
    place = into / f"chaos-{time.strftime('%Y%m%d-%H%M%S')}-{outcome.seed}.json"
    place.write_text(json.dumps(_plain(outcome, replay), indent=1, ensure_ascii=False) + "\n")
    return place


def told(outcome: Outcome, replay: str) -> str:
    """Return the report as text."""
    counts, breaches = _counts(outcome.record), Counter(breach.kind for breach in outcome.breaches)
    waits = longest(outcome.record, outcome.windows, load_until=outcome.load_until)
    lines = [
        f"{'fault':34}{'times':>6}{'lasted':>9}{'nobody sent':>13}{'one sent':>10}{'one heard':>11}",
        *(_line(kind, each) for kind, each in sorted(waits.items())),
        "(longest seconds: the fault itself; between any two acknowledgements; one's wait for one; one's wait to hear)",
        "",
        f"{len(outcome.windows)} faults in {outcome.broken_for_s:.0f} s; "
        + ", ".join(f"{value} {name}" for name, value in counts.items()),
        ", ".join(f"{breaches[kind]} {kind}" for kind in Kind),
        *(f"  {breach.kind}: {breach.what}" for breach in outcome.breaches[:NAMED_AT_MOST]),
        *(f"asked to end, {name} took up to {seconds:.1f} s" for name, seconds in sorted(_slowest(outcome).items())),
        *(f"note: {note}" for note in outcome.notes),
    ]
    if len(outcome.breaches) > NAMED_AT_MOST:
        lines.append(f"  … and {len(outcome.breaches) - NAMED_AT_MOST} more, all in the JSON")
    return "\n".join([*lines, f"again: {replay}"])


def _line(kind: str, waits: Waits) -> str:
    seconds = f"{waits.longest_fault:>9.1f}{waits.nobody:>13.1f}{waits.send:>10.1f}{waits.hear:>11.1f}"
    return f"{kind:34}{waits.times:>6}{seconds}"


def _slowest(outcome: Outcome) -> dict[str, float]:
    slowest: dict[str, float] = {}
    for name, seconds in outcome.polite_ends:
        slowest[name] = max(slowest.get(name, 0.0), seconds)
    return slowest


def _counts(record: Record) -> dict[str, int]:
    verdicts = Counter(post.verdict for post in record.posts)
    events = Counter(type(event) for history in record.histories for event in history.events)
    return {
        "messages sent": len(record.posts),
        "acknowledged": verdicts[Verdict.ACKNOWLEDGED],
        "refused": verdicts[Verdict.REFUSED],
        "unanswered": verdicts[Verdict.UNKNOWN],
        "repeats": sum(max(0, post.tries - 1) for post in record.posts),
        "edits and recalls": len(record.amendments),
        "joins and leaves": len(record.moves),
        "entries heard": events[Heard],
        "lines opened": events[Greeted],
        "catch-ups": events[CaughtUp],
        "resets": events[WentOn],
    }


def _plain(outcome: Outcome, replay: str) -> dict[str, Any]:
    breaches = Counter(breach.kind for breach in outcome.breaches)
    return {
        "seed": outcome.seed,
        "seconds": outcome.seconds,
        "broken_for_s": round(outcome.broken_for_s, 1),
        "interrupted": outcome.interrupted,
        "again": replay,
        "counts": _counts(outcome.record),
        "breaches": {kind.value: breaches[kind] for kind in Kind},
        "faults": dict(Counter(window.kind for window in outcome.windows)),
        "longest_waits_s": {
            kind: {name: round(value, 2) for name, value in asdict(waits).items()}
            for kind, waits in longest(outcome.record, outcome.windows, load_until=outcome.load_until).items()
        },
        "worst_waits": worst(outcome.record, outcome.windows, began=outcome.began),
        "slowest_polite_end_s": {name: round(seconds, 2) for name, seconds in _slowest(outcome).items()},
        "named": [{"kind": breach.kind, "what": breach.what} for breach in outcome.breaches],
        "notes": outcome.notes,
    }
