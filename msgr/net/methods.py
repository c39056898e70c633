"""What users give as `auth`, as the methods of authentication that it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..auth import (
    CephxClient,
    CephxServer,
    ClientMethod,
    GlobalIds,
    Keyring,
    NoneClient,
    NoneServer,
    RotatingSecrets,
    ServerMethod,
)
from ..wire import EntityName, EntityType
from .runtime import Runtime

ClientAuth: TypeAlias = Keyring | Sequence[ClientMethod] | None
"""A keyring that holds our own key means cephx, None means method none; or methods, in order of preference."""

ServerAuth: TypeAlias = Keyring | Sequence[ServerMethod] | None
"""A keyring with the keys of those who may come means cephx, None means method none; or methods."""


def client_methods(name: EntityName, auth: ClientAuth) -> tuple[ClientMethod, ...]:
    """Return the methods behind the `auth` of a client; raises KeyringError."""
    if auth is None:
        # A monitor is asked by clients, OSDs and so on as a monitor; by another monitor, as any service is.
        return (NoneClient(name, service=name.type == EntityType.MON),)
    if isinstance(auth, Keyring):
        return (CephxClient(name, auth.get(name).key),)
    return tuple(auth)


def server_methods(auth: ServerAuth, runtime: Runtime) -> tuple[ServerMethod, ...]:
    """Return the methods behind the `auth` of a server."""
    if auth is None:
        return (NoneServer(GlobalIds()),)
    if isinstance(auth, Keyring):
        return (CephxServer(auth, secrets=RotatingSecrets(runtime.dice), global_ids=GlobalIds()),)
    return tuple(auth)
