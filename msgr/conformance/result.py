"""What became of a case, and of a whole run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .case import Case
from .transcript import Transcript
from .verdict import Ending, Role, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The verdict on one case: what was expected, what was seen, and how the connection stood at the end.

    `excused` is the reason why a failure is known of this implementation.
    """

    case: Case
    verdict: Verdict
    expected: str = ""
    seen: str = ""
    ending: Ending | None = None
    seconds: float = 0.0
    transcripts: Sequence[Transcript] = ()
    excused: str | None = None

    @property
    def fails(self) -> bool:
        """Whether it makes the peer fail: a MUST that is not kept, and not excused."""
        return self.verdict is Verdict.FAIL and self.excused is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All results of a run. `stale` are exceptions of cases that pass, which should be struck out."""

    address: str
    role: Role
    peer: str
    """What the exceptions call the implementation, or nothing."""
    about: str
    """What was found out about the peer, in a line."""
    seed: int
    results: Sequence[Result]
    stale: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[Verdict]:
        """How many results have each verdict."""
        return Counter(result.verdict for result in self.results)

    @property
    def excused(self) -> int:
        """How many failures and advices are known of this implementation."""
        return sum(result.excused is not None for result in self.results)

    @property
    def conforms(self) -> bool:
        """Whether no MUST failed, no exception is stale, and the checker did its work."""
        broken = any(result.verdict is Verdict.BROKEN for result in self.results)
        return not (broken or self.stale or any(result.fails for result in self.results))
