"""Judges one case, and turns whatever happens into a verdict."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import anyio

from ..errors import ConnectFailed
from .case import Case
from .peer import Checks, Silence
from .result import Result
from .transcript import Transcript
from .verdict import Ending, Level, NotJudged, Verdict, Violation

STEPS: Final = 12
"""How many answers one case may have to wait for."""


def dice_of(seed: int, case: str) -> Callable[[int], bytes]:
    """Return the dice of a case: the same ones whenever it is judged with the same seed."""
    return Random(f"{seed}/{case}").randbytes


async def judge(
    case: Case,
    begin: Callable[[], Awaitable[None]],
    *,
    checks: Checks,
    transcripts: list[Transcript],
    endings: Callable[[], Ending | None],
    clock: Callable[[], float],
    limit: float,
) -> Result:
    """Run a case by `begin`, for `limit` seconds at most. Nothing that the peer does makes it raise."""
    started = clock()
    verdict, expected, seen = Verdict.PASS, "", ""
    try:
        with anyio.fail_after(limit):
            await begin()
        expected, seen = checks.expected, checks.seen
    except Violation as violation:
        verdict = Verdict.FAIL if case.level is Level.MUST else Verdict.ADVISE
        expected, seen = violation.expected, violation.seen
    except NotJudged as reason:
        verdict, seen = Verdict.SKIP, str(reason)
    except ConnectFailed as error:
        verdict, expected, seen = Verdict.FAIL, "the peer takes another connection", str(error)
    except Silence:
        verdict = Verdict.FAIL if case.level is Level.MUST else Verdict.ADVISE
        expected, seen = checks.expected, "nothing"
    except TimeoutError:
        verdict, expected, seen = Verdict.BROKEN, checks.expected, f"the case did not end in {limit:g} s"
    except Exception as error:  # the checker's own fault, which says nothing about the peer
        verdict, expected, seen = Verdict.BROKEN, checks.expected, _fault(error)
    return Result(
        case=case,
        verdict=verdict,
        expected=expected,
        seen=seen,
        ending=endings(),
        seconds=clock() - started,
        transcripts=transcripts,
    )


def _fault(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (in {where.name}, line {where.lineno})"
