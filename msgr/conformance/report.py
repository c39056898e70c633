"""A judgement as plain values, for --json and for whoever reads it with a program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from .case import Case
from .result import Judgement, Result
from .rules import rule_texts
from .transcript import Entry, Transcript
from .verdict import Verdict

SHOWN: Final = 4096
"""How many bytes of one entry are reported."""


def rule_text(case: Case) -> str:
    """Return the text of the rule that a case is about."""
    return rule_texts().get(case.rule, "")


def case_document(case: Case) -> dict[str, Any]:
    """Return what a case is."""
    return {
        "id": case.id,
        "rule": case.rule,
        "level": case.level.value,
        "role": case.role.value,
        "topic": case.topic,
        "says": case.says,
        "text": rule_text(case),
    }


def judgement_document(judgement: Judgement) -> dict[str, Any]:
    """Return a whole judgement. What was sent and heard is there for all cases that did not pass."""
    counts = judgement.counts
    return {
        "address": judgement.address,
        "role": judgement.role.value,
        "peer": judgement.peer or None,
        "about": judgement.about,
        "conforms": judgement.conforms,
        "seed": judgement.seed,
        "seconds": round(judgement.seconds, 3),
        "counts": {verdict.value: counts[verdict] for verdict in Verdict} | {"excused": judgement.excused},
        "stale": list(judgement.stale),
        "results": [_result(result) for result in judgement.results],
    }


def _result(result: Result) -> dict[str, Any]:
    return case_document(result.case) | {
        "verdict": result.verdict.value,
        "expected": result.expected,
        "seen": result.seen,
        "ending": None if result.ending is None else result.ending.value,
        "excused": result.excused,
        "seconds": round(result.seconds, 4),
        "connections": [] if result.verdict is Verdict.PASS else list(_connections(result.transcripts)),
    }


def _connections(transcripts: Iterable[Transcript]) -> Iterable[list[dict[str, Any]]]:
    for transcript in transcripts:
        yield [_entry(entry) for entry in transcript.entries]


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "time": round(entry.time, 4),
        "from": "checker" if entry.sent else "peer",
        "says": entry.says,
        "size": len(entry.data),
        "bytes": entry.data[:SHOWN].hex(),
    }
