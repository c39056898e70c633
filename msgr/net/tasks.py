"""A task group whose tasks raise nothing, so that what its body raises is shown as it was raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


@asynccontextmanager
async def quiet_tasks() -> AsyncIterator[anyio.abc.TaskGroup]:
    """Hold a task group for tasks that record their errors instead of raising them.

    A task group wraps whatever is raised within it; as it can only have come from the body, it is unwrapped here, and
    keeps the cause and context that it had.
    """
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        if len(group.exceptions) != 1:
            raise
        (error,) = group.exceptions
        context = error.__context__
        try:
            raise error
        finally:
            error.__context__ = context
            del error, context  # or the traceback would hold what it is held by
