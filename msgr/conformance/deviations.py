"""What is known to differ at a named implementation: files of exceptions, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ..errors import ConfigError
from .case import all_cases
from .result import Judgement, Result
from .verdict import Role, Verdict

_EXCUSABLE: Final = frozenset({Verdict.FAIL, Verdict.ADVISE})


@dataclass(frozen=True, slots=True)
class Deviations:
    """The exceptions of one implementation: the reason, by role and case."""

    peer: str
    reasons: Mapping[tuple[Role, str], str]

    def apply(self, judgement: Judgement) -> Judgement:
        """Return a judgement in which what is known is excused, and exceptions of what passes are called stale."""
        results = [self._excuse(judgement.role, result) for result in judgement.results]
        stale = [
            result.case.id
            for result in results
            if result.verdict is Verdict.PASS and (judgement.role, result.case.id) in self.reasons
        ]
        return replace(judgement, peer=self.peer, results=results, stale=stale)

    def _excuse(self, role: Role, result: Result) -> Result:
        reason = self.reasons.get((role, result.case.id))
        return replace(result, excused=reason) if reason and result.verdict in _EXCUSABLE else result


def shipped() -> tuple[str, ...]:
    """Return the names of the implementations whose exceptions come with the package."""
    folder = files(__package__).joinpath("exceptions")
    return tuple(sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml")))


def deviations_of(peer: str) -> Deviations:
    """Return the exceptions of a shipped name, or of a file; raises ConfigError."""
    if peer in shipped():
        return parse(peer, files(__package__).joinpath("exceptions", f"{peer}.toml").read_text("utf-8"))
    path = Path(peer)
    if path.suffix != ".toml":
        raise ConfigError(f"no exceptions are known of {peer}: there are {', '.join(shipped())}, or name a .toml file")
    try:
        return parse(path.stem, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{peer} cannot be read: {error}") from None


def parse(peer: str, text: str) -> Deviations:
    """Return the exceptions in a file; raises ConfigError for one without a reason, or of a case that there is not."""
    try:
        entries = tomllib.loads(text).get("exception", [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the exceptions of {peer}: {error}") from None
    reasons: dict[tuple[Role, str], str] = {}
    for entry in entries:
        role, cases, reason = _read(peer, entry)
        for case in cases:
            if (role, case) in reasons:
                raise ConfigError(f"the exceptions of {peer} have {case} twice")
            reasons[role, case] = reason
    return Deviations(peer, MappingProxyType(reasons))


def _read(peer: str, entry: Any) -> tuple[Role, Sequence[str], str]:
    try:
        role, cases, reason = Role(entry["role"]), list(entry["cases"]), str(entry["reason"]).strip()
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the exceptions of {peer}: an entry has role, cases and reason ({error})") from None
    if not reason:
        raise ConfigError(f"the exceptions of {peer}: {', '.join(cases)} without a reason")
    if unknown := _unknown(role, cases):
        raise ConfigError(f"the exceptions of {peer} name {', '.join(unknown)}, which is no case")
    return role, cases, reason


def _unknown(role: Role, cases: Iterable[str]) -> list[str]:
    known = {case.id for case in all_cases(role)}
    return [case for case in cases if case not in known]
