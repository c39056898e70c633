"""A case: one sentence about one rule, and the dealings with a peer that show whether it is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from ..errors import ConfigError
from .verdict import Level, Role

Run: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes our end of a fresh connection; raises Violation and NotJudged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged, by which rule, and how.

    `id` is the rule's id and a name, which never change: `FRAME-1/segments/none`. A `slow` case waits for what only
    time can show; it is judged beside the others. One that is `last` comes last, as a client that fails it may not dial
    again.
    """

    id: str
    rule: str
    role: Role
    topic: str
    level: Level
    says: str
    run: Run
    slow: bool = False
    last: bool = False


Decorator: TypeAlias = Callable[[Any], Any]


class Registrar(Protocol):
    """What a module declares its cases with."""

    def __call__(
        self,
        rule: str,
        *,
        says: str,
        level: Level = Level.MUST,
        each: Mapping[str, Any] | None = None,
        slow: bool = False,
        last: bool = False,
    ) -> Decorator:
        """Register the function below as a case, or as one for each value of `each`, which it is given."""


TOPICS: Final = (
    *("banner", "frames", "secure", "states", "auth", "cephx", "ident", "nodes", "reconnect", "traffic", "limits"),
)
_CASES: Final[dict[tuple[Role, str], Case]] = {}


def registrar(role: Role, topic: str) -> Registrar:
    """Return the decorator for the cases of one topic."""

    def case(
        rule: str,
        *,
        says: str,
        level: Level = Level.MUST,
        each: Mapping[str, Any] | None = None,
        slow: bool = False,
        last: bool = False,
    ) -> Decorator:
        def register(function: Any) -> Any:
            name = f"{rule}/{function.__name__.replace('_', '-')}"
            variants = (
                {name: function} if each is None else {f"{name}/{key}": _with(function, each[key]) for key in each}
            )
            for ident, run in variants.items():
                if (role, ident) in _CASES:
                    raise ConfigError(f"two {role.value} cases are named {ident}")
                said = says if each is None else f"{says} ({ident.rpartition('/')[2]})"
                _CASES[role, ident] = Case(
                    id=ident, rule=rule, role=role, topic=topic, level=level, says=said, run=run, slow=slow, last=last
                )
            return function

        return register

    return case


def _with(function: Any, value: Any) -> Run:
    async def run(peer: Any) -> None:
        await function(peer, value)

    return run


def all_cases(role: Role) -> tuple[Case, ...]:
    """Return the cases for one role: topic by topic, and as they are declared."""
    from . import cases  # noqa: F401  they register themselves

    return tuple(sorted((case for case in _CASES.values() if case.role is role), key=_place))


def _place(case: Case) -> int:
    return TOPICS.index(case.topic)


def choose(cases: Iterable[Case], wanted: Iterable[str]) -> tuple[Case, ...]:
    """Return the cases that are meant by rule ids, beginnings of them at a `-`, or whole case ids; all where none is.

    Raises ConfigError for one that means nothing.
    """
    cases, wanted = tuple(cases), tuple(wanted)
    if not wanted:
        return cases
    for want in wanted:
        if not any(_fits(case, want) for case in cases):
            raise ConfigError(f"{want} is no rule or case here; --list shows them")
    return tuple(case for case in cases if any(_fits(case, want) for want in wanted))


def _fits(case: Case, want: str) -> bool:
    return case.id == want or case.topic == want or any(case.id.startswith(f"{want}{end}") for end in "-/")
