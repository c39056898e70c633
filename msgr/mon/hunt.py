"""Finding a monitor that lets us in."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Final

import anyio

from ..auth import ClientMethod
from ..errors import ConnectFailed, MsgrError, Refused
from ..net import Session
from ..net.bell import Bell
from ..net.tasks import quiet_tasks
from ..wire import EntityType
from .settings import Settings

PARALLEL: Final = 3
"""How many monitors are asked at a time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A monitor that let us in, and what authentication left in the methods that it was asked with."""

    address: str
    session: Session = field(repr=False)
    methods: tuple[ClientMethod, ...] = field(repr=False)


class _Hunt:
    """One round through the addresses; the first session that is ready is `found`, the other tries are cancelled."""

    def __init__(self, addresses: Sequence[str], settings: Settings, methods: Sequence[ClientMethod]) -> None:
        self.found: Found | None = None
        self.failures: list[tuple[str, MsgrError]] = []
        self.hunters = min(PARALLEL, len(addresses))
        self.changed = Bell()
        self.released = anyio.Event()
        self._left = deque(addresses)
        self._settings = settings
        self._methods = methods
        self._tries: set[anyio.CancelScope] = set()

    async def hunt(self) -> None:
        """Try one address after the other while nobody is found. It raises nothing but cancellation."""
        while self._left and self.found is None:
            await self._try(self._left.popleft())
        self.hunters -= 1
        self.changed.ring()

    async def _try(self, address: str) -> None:
        # Each try begins with what is known now: what one monitor grants is no business of the others.
        methods = tuple(copy(method) for method in self._methods)
        with anyio.CancelScope() as scope:
            self._tries.add(scope)
            try:
                async with self._settings.connect(address, methods, EntityType.MON) as session:
                    self._tries.discard(scope)
                    if self.found is not None:
                        return  # another was ready at the same moment
                    for other in self._tries:
                        other.cancel()
                    self.found = Found(address, session, methods)
                    self.changed.ring()
                    await self.released.wait()
            except MsgrError as error:
                self.failures.append((address, error))
            finally:
                self._tries.discard(scope)

    def verdict(self) -> MsgrError:
        """Return why nobody was found: a refusal first, for it is an answer."""
        errors = [error for _, error in self.failures]
        refused = next((error for error in errors if isinstance(error, Refused)), None)
        if refused is not None or len(errors) == 1:
            return refused or errors[0]
        each = "; ".join(f"{address}: {error}" for address, error in self.failures)
        return ConnectFailed(f"no monitor lets us in ({each})")


@asynccontextmanager
async def hunt(addresses: Sequence[str], settings: Settings, methods: Sequence[ClientMethod]) -> AsyncIterator[Found]:
    """Ask monitors, three at a time, and hold the session with the first that lets us in (MON-1).

    Raises the refusal of one of them, or ConnectFailed, when all of `addresses` were tried. When the body ends well,
    the session is closed in good order.
    """
    async with quiet_tasks() as tasks:
        search = _Hunt(addresses, settings, methods)
        for _ in range(search.hunters):
            tasks.start_soon(search.hunt)
        while search.found is None:
            if not search.hunters:
                raise search.verdict()
            await search.changed.wait()
        yield search.found
        search.released.set()
