"""Handshakes that end in a refusal: the right error, at once, and a server that goes on."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import msgr
from msgr import AuthRefused, Keyring, Mode, Revision
from msgr.auth import CephxClient, GlobalIds, NoneClient, NoneServer
from msgr.errors import BannerError
from msgr.wire import EntityName

from .world import ADMIN, KEYRING, dialled, echoing, is_served, keyring

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

_SOON = 2.0
_NAME = EntityName.parse(ADMIN)


class Unknown(NoneClient):
    """A method that no server has."""

    @property
    def number(self) -> Any:
        """The number on the wire."""
        return 99


@pytest.mark.parametrize(
    ("server", "client", "result", "allowed"),
    [
        ({}, {"auth": keyring(ADMIN)}, -13, ((2,), (2,))),
        ({}, {"auth": keyring("client.stranger"), "name": "client.stranger"}, -13, ((2,), (2,))),
        ({}, {"modes": (Mode.CRC,)}, -95, ((2,), (2,))),
        ({"modes": (Mode.CRC,)}, {"modes": (Mode.SECURE,)}, -95, ((2,), (1,))),
        ({}, {"auth": None}, -95, ((2,), (2,))),
        ({"auth": None}, {}, -95, ((1,), (1,))),
        ({}, {"auth": (Unknown(_NAME),)}, -95, ((2,), (2,))),
    ],
    ids=["wrong key", "unknown name", "secure only", "crc only", "none at cephx", "cephx at none", "unknown method"],
)
async def test_refused(
    server: dict[str, Any], client: dict[str, Any], result: int, allowed: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    async with echoing(**server) as serving:
        with anyio.fail_after(_SOON), pytest.raises(AuthRefused) as caught:
            async with dialled(serving, **client):
                pass
        assert (caught.value.result, (caught.value.methods, caught.value.modes)) == (result, allowed)
        good = {"auth": None} if server.get("auth", KEYRING) is None else {}
        await is_served(serving, **good, modes=server.get("modes", ()))


@pytest.mark.parametrize("revision", Revision)
async def test_refused_revision(revision: Revision) -> None:
    """An end that allows both speaks the better one; an end that allows one takes no other."""
    (other,) = set(Revision) - {revision}
    async with echoing(revisions=frozenset({revision})) as server:
        with anyio.fail_after(_SOON), pytest.raises((BannerError, msgr.ConnectionLost)):
            async with dialled(server, revisions=frozenset({other})):
                pass
        await is_served(server, revisions=frozenset({revision}))


async def test_the_next_method_is_tried_on_the_same_connection() -> None:
    async with echoing() as server:
        methods = (NoneClient(_NAME), CephxClient(_NAME, KEYRING.get(ADMIN).key))
        async with dialled(server, auth=methods) as session:
            assert session.peer.login.method == 2
        assert server.stats.accepted == 1


async def test_methods_as_they_are() -> None:
    async with echoing(auth=(NoneServer(GlobalIds(9000)),)) as server, dialled(server, auth=None) as session:
        assert session.peer.login.global_id == 9000


async def test_a_client_keeps_its_global_id() -> None:
    client = CephxClient(_NAME, KEYRING.get(ADMIN).key)
    async with echoing() as server:
        seen = set()
        for _ in range(3):
            async with dialled(server, auth=(client,)) as session:
                seen.add(session.peer.login.global_id)
        assert seen == {client.global_id}


async def test_a_keyring_that_is_empty_refuses_everybody() -> None:
    async with echoing(auth=Keyring()) as server:
        with anyio.fail_after(_SOON), pytest.raises(AuthRefused):
            async with dialled(server):
                pass


class Faulty(NoneServer):
    """A method with a fault in it."""

    fault = ZeroDivisionError("a fault in a plug-in")

    def converse(self, dice: Any, *, now: float) -> Any:
        """Fail."""
        raise self.fault


async def test_a_faulty_method_ends_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever wrote the plug-in learns of it; neither the server nor other clients do."""
    async with echoing(auth=(Faulty(GlobalIds()),)) as server:
        for _ in range(2):
            with anyio.fail_after(_SOON), pytest.raises(msgr.ConnectionLost):
                async with dialled(server, auth=None):
                    pass
        assert server.stats.accepted == 2
    faults = [record for record in caplog.records if record.name == "msgr.net.driver"]
    assert len(faults) == 2
    assert faults[0].exc_info is not None
    assert faults[0].exc_info[1] is Faulty.fault


class FaultyClient(NoneClient):
    """A method with a fault in it."""

    def converse(self, dice: Any, *, now: float) -> Any:
        """Fail."""
        raise Faulty.fault


async def test_a_faulty_method_of_ones_own() -> None:
    async with echoing(auth=None) as server:
        with pytest.raises(msgr.LocalError, match="ZeroDivisionError while handling") as caught:
            async with dialled(server, auth=(FaultyClient(_NAME),)):
                pass
        assert caught.value.__cause__ is Faulty.fault
