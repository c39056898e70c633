"""Commands and their results, and asking until there is an answer or an honest error."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from ..errors import CommandFailed, OutcomeUnknown, PeerError
from ..session import Message
from ..wire import Octets
from .link import Link, NeverSent
from .messages import Request

Arguments: TypeAlias = Mapping[str, Any] | str
"""A command: its parameters, with the words of the command as `prefix`; or the words alone."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended: 0 or a negative errno, a line for people, and the output."""

    code: int
    status: str
    output: bytes = field(repr=False)

    def checked(self) -> Self:
        """Return this result if it is none of a failure; raises CommandFailed."""
        if self.code < 0:
            raise CommandFailed(self.code, self.status)
        return self

    def json(self) -> Any:
        """Return the output of a command that was given `"format": "json"`; raises PeerError."""
        try:
            return json.loads(self.output)
        except ValueError:
            raise PeerError("the output of the command is not JSON", rule="MON-5") from None


def spelled(arguments: Arguments) -> tuple[str, ...]:
    """Return a command as the wire has it: one text of JSON."""
    return (json.dumps({"prefix": arguments} if isinstance(arguments, str) else dict(arguments)),)


async def ask(
    route: Callable[[], Awaitable[Link]], make: Callable[[], Request], data: Octets, *, repeat: bool
) -> Message:
    """Send what `make` returns over the link that `route` finds, and return the answer.

    What was certainly not sent is sent over the next link. What was sent is sent again only if it may `repeat`, and
    raises OutcomeUnknown otherwise (MON-3). Raises what `route` raises.
    """
    while True:
        link = await route()
        try:
            return await link.request(make(), data)
        except NeverSent:
            pass
        except OutcomeUnknown:
            if not repeat:
                raise
        await link.ended()  # or the same link might be found again
