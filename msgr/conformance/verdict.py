"""What a case can come to."""

from __future__ import annotations

from enum import Enum, unique


@unique
class Level(Enum):
    """How binding a case is."""

    MUST = "MUST"
    SHOULD = "SHOULD"


@unique
class Role(Enum):
    """Which end is judged."""

    SERVER = "server"
    CLIENT = "client"


@unique
class Verdict(Enum):
    """What was found."""

    PASS = "pass"
    FAIL = "fail"
    """A MUST was not kept."""
    ADVISE = "advise"
    """A SHOULD was not kept."""
    SKIP = "skip"
    """It could not be judged, for the reason given."""
    BROKEN = "broken"
    """The checker itself failed."""


@unique
class Ending(Enum):
    """How a connection stood when its case was over."""

    OPEN = "open"
    """The peer had not ended it."""
    CLOSED = "closed"
    """The peer ended it in order, with a FIN."""
    RESET = "reset"
    """The peer's system broke it with an RST, as it does where bytes were left unread."""


class Violation(Exception):
    """The peer did something else than what was expected of it."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; seen {seen}")
        self.expected = expected
        self.seen = seen


class NotJudged(Exception):
    """A case makes no sense with this peer; the text is the reason."""
