"""connect and serve: every mode, every kind of address."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import anyio
import pytest

import msgr
from msgr import EntityType, Message, Mode, Revision
from msgr.errors import ConfigError, ConnectFailed, IdentError, KeyringError

from .leaks import until
from .world import ADMIN, FORMS, KEYRING, LOOPBACK, address, dialled, echoing, is_served, pair, port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(("mode", "revision"), FORMS)
async def test_all_modes(mode: Mode, revision: Revision) -> None:
    form: dict[str, Any] = {"modes": (mode,), "revisions": frozenset({revision})}
    async with echoing(**form) as server, dialled(server, **form) as session:
        login = session.peer.login
        assert (login.mode, login.met.revision, login.met.entity_type) == (mode, revision, EntityType.MON)
        sent = Message(type=0xABCD, tid=1 << 63, front=b"f", middle=b"mm", data=b"ddd", priority=9, version=4)
        await session.send(sent)
        back = await session.receive()
        assert (back.type, back.tid, back.priority, back.version) == (0xABCD, 1 << 63, 9, 4)
        assert (bytes(back.front), bytes(back.middle), bytes(back.data)) == (b"f", b"mm", b"ddd")
        assert back.seq == 1
        assert 0 <= await session.ping() < 5
        assert session.error is None


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "0.0.0.0", "[::]"])
async def test_kinds_of_address(host: str) -> None:
    async with echoing(f"v2:{host}:0") as server:
        await is_served(server)
        assert server.stats.ready == 1


async def test_a_name_leads_to_where_it_is_served() -> None:
    async with (
        echoing("v2:localhost:0") as server,
        msgr.connect(f"v2:localhost:{port(server)}", name=ADMIN, auth=KEYRING) as session,
    ):
        await session.ping()


async def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the first address of this name."""

    async def two(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, number)) for host in ("127.0.0.2", "127.0.0.1")]

    async with echoing() as server:
        number = port(server)
        monkeypatch.setattr(anyio, "getaddrinfo", two)
        async with msgr.connect(f"v2:twice.example:{number}", name=ADMIN, auth=KEYRING) as session:
            await session.ping()


async def test_method_none() -> None:
    async with echoing(auth=None) as server, dialled(server, auth=None) as session:
        assert session.peer.login.mode is Mode.CRC
        await session.ping()


async def test_what_each_end_knows_of_the_other() -> None:
    async with pair(server={"name": "mon.3"}) as (near, far):
        identity = far.peer.login.identity
        assert identity is not None
        assert str(identity.name) == ADMIN
        assert dict(identity.caps) == {"mon": "allow *"}
        assert near.peer.login.identity is None
        assert near.peer.gid == 3
        assert far.peer.gid == near.peer.login.global_id == identity.global_id
        assert near.peer.lossy
        assert near.peer.login.met.seen_as.host == far.peer.addresses[0].host


async def test_nonce_is_part_of_the_address() -> None:
    async with echoing(f"{LOOPBACK}/77") as server:
        assert address(server).endswith("/77")
        await is_served(server)
        with pytest.raises(msgr.ConnectionLost):
            async with msgr.connect(address(server).removesuffix("77") + "78", name=ADMIN, auth=KEYRING):
                pass
        await until(lambda: server.stats.failed == 1)


async def test_unexpected_entity_type() -> None:
    async with echoing(name="osd.1") as server:
        await is_served(server, expect=EntityType.OSD)
        with pytest.raises(IdentError, match=r"a osd answers, a mon was meant \[HELLO-1\]"):
            async with dialled(server, expect=EntityType.MON):
                pass


async def test_nobody_there() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        number = reserved.getsockname()[1]
        with pytest.raises(ConnectFailed, match=f"port {number} .127.0.0.1: Connection refused"):
            async with msgr.connect(f"v2:127.0.0.1:{number}", name=ADMIN, auth=KEYRING):
                pass


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("v2:127.0.0.1", ConfigError),
        ("v1:127.0.0.1:1", ConfigError),
        ("any:127.0.0.1:1", ConfigError),
        ("v2:" + 64 * "\u00fc" + ".example:1", ConfigError),
        ("v2:no-such-host.invalid:1", ConnectFailed),
    ],
)
async def test_addresses_that_lead_nowhere(
    monkeypatch: pytest.MonkeyPatch, where: str, error: type[msgr.MsgrError]
) -> None:
    if where.endswith(".invalid:1"):  # not every machine has somebody to ask
        monkeypatch.setattr(anyio, "getaddrinfo", unknown_host)
    with pytest.raises(error):
        async with msgr.connect(where, name=ADMIN, auth=KEYRING):
            pass
    with pytest.raises(error):
        async with msgr.serve(where, name="mon.a", auth=KEYRING):
            pass


async def unknown_host(*_: object, **__: object) -> NoReturn:
    """Fail as the system does where a name is not known."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_settings_that_make_no_sense() -> None:
    async with echoing() as server:
        with pytest.raises(ConfigError, match="not an entity name"):
            async with dialled(server, name="admin"):
                pass
        with pytest.raises(KeyringError, match=r"client\.other"):
            async with dialled(server, name="client.other"):
                pass
        with pytest.raises(ConfigError, match="crc mode only"):
            async with dialled(server, auth=None, modes=(Mode.SECURE,)):
                pass
        with pytest.raises(ConfigError, match="no authentication method"):
            async with dialled(server, auth=()):
                pass


async def test_address_in_use() -> None:
    async with echoing() as server:
        with pytest.raises(ConfigError, match="Address already in use"):
            async with msgr.serve(address(server), name="mon.a", auth=KEYRING):
                pass


async def test_a_port_is_free_again_at_once() -> None:
    where = LOOPBACK
    for _ in range(3):
        async with echoing(where) as server:
            where = address(server)
            await is_served(server)
