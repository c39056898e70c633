"""`msgr bench --scale` runs and says what it promises; how long anything takes is no matter for a test."""

from __future__ import annotations

import pytest

from msgr.cli import scale
from msgr.cli.scale import Cost, Sizes, measure

from .run import Msgr

STEPS = ["send", "ack", "replay", "queue", "lookup", "decide", "register", "find", "dict"]
KEYS = [
    "messages",
    "sessions",
    *(f"{step}_ratio" for step in STEPS),
    *(f"{step}_us" for step in STEPS),
    "bytes_per_session",
    "bytes_per_message",
    "bytes_per_unacknowledged",
    "cut_us",
    "gc_pause_us",
    "limit",
    "ok",
]


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat nothing as often as it takes to measure well: every step runs, and what it costs is not looked at."""
    monkeypatch.setattr(scale, "_ROUNDS", 3)


def test_the_document(msgr: Msgr) -> None:
    done = msgr("bench", "--scale", "--count", "2000", "--json")
    found = done.document
    assert list(found) == KEYS
    assert done.err == ""
    assert (found["messages"], found["sessions"]) == ([2, 2000], [1, 200])
    assert min(found["bytes_per_session"], found["bytes_per_message"]) > 100
    assert found["bytes_per_unacknowledged"] >= found["bytes_per_message"]
    ratios = [found[f"{step}_ratio"] for step in STEPS if step not in ("find", "dict")]
    assert found["ok"] is (max(ratios) <= found["limit"])
    assert done.code == (0 if found["ok"] else 1)


def test_the_tables_are_for_people(msgr: Msgr) -> None:
    done = msgr("bench", "--scale", "--count", "1000")
    assert done.err == ""
    for words in (
        "send one ",
        "acknowledge the oldest",
        "find whom",
        "(the find alone)",
        "an idle session",
        "a message that waits",
    ):
        assert f"  {words}" in done.out
    assert max(map(len, done.out.splitlines())) <= 110


def test_every_key_is_in_the_help(msgr: Msgr) -> None:
    words = msgr("bench", "--help").out.replace(",", " ").replace(".", " ").split()
    assert {key for key in KEYS if not key.endswith("_us") or key in ("cut_us", "gc_pause_us")} <= set(words)


def test_the_least_count_is_enough() -> None:
    told: list[float] = []
    figures = measure(1, told.append)
    assert figures.sizes == Sizes(messages=(1, 1), sessions=(1, 1))
    assert told == sorted(told)


def test_a_ratio() -> None:
    assert Cost("x", "x", small=2.0, large=3.0).ratio == pytest.approx(1.5)
    assert Cost("x", "x", small=0.0, large=3.0).ratio == 1.0
