"""Tickets that are renewed over the session with a monitor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

import msgr
from msgr import EntityName, EntityType, Message, Session
from msgr.auth import CephxClient
from msgr.auth.cephx.renewal_structs import PrincipalReply
from msgr.auth.cephx.structs import TicketReply
from msgr.errors import ConnectionLost
from msgr.mon import Cluster
from msgr.mon.messages import AuthReply
from msgr.mon.tickets import TicketKeeper
from tests.net.leaks import until
from tests.net.world import ADMIN, BOUND, KEYRING, LOOPBACK

from .monitor import FSID, Monitor, client, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

TTL = 0.8
"""Seconds that a ticket for a service lives; a quarter less until it is due."""


def keeper(admin: Cluster) -> TicketKeeper:
    """Return what keeps the tickets of this session."""
    tickets = admin._monitors.tickets
    assert tickets is not None
    return tickets


@asynccontextmanager
async def short_lived() -> AsyncIterator[tuple[Monitor, Cluster]]:
    """Hold a client whose tickets live for a moment, and which looks at them as often as that takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("msgr.mon.tickets._SHORTEST", TTL / 8)
        async with cluster(service_ttl=TTL) as (monitor,), client(monitor) as admin:
            yield monitor, admin


async def test_tickets_are_renewed_before_they_expire() -> None:
    async with short_lived() as (monitor, admin):
        holder = keeper(admin).holder
        before = dict(holder.tickets)
        assert set(before) == {EntityType.AUTH, EntityType.MON, EntityType.OSD, EntityType.MGR}
        await until(lambda: monitor.renewals >= 2)
        await until(lambda: holder.tickets[EntityType.OSD] is not before[EntityType.OSD])
        for service in (EntityType.MON, EntityType.OSD, EntityType.MGR):
            ticket = holder.tickets[service]
            assert ticket.expires > before[service].expires
            assert ticket.blob != before[service].blob
        assert holder.tickets[EntityType.AUTH] is before[EntityType.AUTH]
        assert len(monitor.sessions) == 1
        assert (await admin.command("status")).code == 0


async def test_a_ticket_that_was_dropped_comes_at_once() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        tickets = keeper(admin)
        tickets.holder.drop(EntityType.OSD)
        with anyio.fail_after(BOUND):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(tickets.ticket, EntityType.OSD)
        assert tickets.holder.tickets[EntityType.OSD].is_good(tickets._runtime.wall())
        assert monitor.renewals == 1


async def test_a_refused_renewal_is_followed_by_a_new_session() -> None:
    """The client goes on: the next handshake brings new tickets (and the old id)."""
    async with short_lived() as (monitor, admin):
        monitor.renews = False
        number = admin.global_id
        await until(lambda: len(monitor.sessions) >= 3)
        assert monitor.renewals >= 2
        assert (await admin.command("status", repeat=True)).code == 0
        monitor.renews = True
        renewals = monitor.renewals
        await until(lambda: monitor.renewals > renewals)
        assert admin.global_id == number


async def test_waiting_for_a_ticket_ends_with_the_session() -> None:
    async with short_lived() as (monitor, admin):
        monitor.renews = False
        tickets = keeper(admin)
        tickets.holder.drop(EntityType.MGR)
        with anyio.fail_after(BOUND), pytest.raises(ConnectionLost, match="ticket for mgr"):
            await tickets.ticket(EntityType.MGR)
        with anyio.fail_after(BOUND), pytest.raises(ConnectionLost, match="ticket for mgr"):
            await tickets.ticket(EntityType.MGR)


@pytest.mark.parametrize("reply", ["no cephx", "no sense", "not asked for"])
async def test_answers_that_make_no_sense_end_the_session(reply: str) -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        tickets = dict(keeper(admin).holder.tickets)
        payload = {"no cephx": b"", "no sense": b"\xff", "not asked for": bytes(20)}[reply]
        told = AuthReply(protocol=1 if reply == "no cephx" else 2, result=0, global_id=1, payload=payload)

        async def answer(monitor: Monitor, session: Session, message: Message) -> None:
            await monitor.tell(told, session)

        monitor.renewing = answer
        keeper(admin).holder.drop(EntityType.OSD)
        with anyio.fail_after(BOUND), pytest.raises(ConnectionLost, match="ticket for osd"):
            await keeper(admin).ticket(EntityType.OSD)
        await until(lambda: len(monitor.sessions) >= 2)
        await until(lambda: admin.connected)
        # What was missing came with the new handshake: nothing was kept of the answer.
        fresh = keeper(admin).holder.tickets
        assert set(fresh) == set(tickets)
        assert fresh[EntityType.OSD].blob != tickets[EntityType.OSD].blob
        assert fresh[EntityType.MGR] is tickets[EntityType.MGR]


async def test_a_monitor_that_gives_less_is_not_asked_at_full_speed() -> None:
    async with cluster() as (monitor,), client(monitor) as admin:
        asked: list[float] = []
        empty = PrincipalReply(tickets=TicketReply(grants=())).encode()

        async def give_nothing(monitor: Monitor, session: Session, message: Message) -> None:
            asked.append(anyio.current_time())
            await monitor.tell(AuthReply(protocol=2, result=0, global_id=1, payload=empty), session)

        monitor.renewing = give_nothing
        keeper(admin).holder.drop(EntityType.OSD)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper(admin).ticket, EntityType.OSD)
            await until(lambda: len(asked) == 3)
            tasks.cancel_scope.cancel()
        assert asked[2] - asked[0] > 0.9
        assert len(monitor.sessions) == 1


async def test_a_service_that_is_needed_later() -> None:
    wanting = CephxClient(EntityName.parse(ADMIN), KEYRING.get(ADMIN).key, needed=EntityType.MGR)
    async with cluster() as (monitor,), client(monitor, auth=[wanting]) as admin:
        tickets = keeper(admin)
        assert set(tickets.holder.tickets) == {EntityType.AUTH, EntityType.MGR}
        tickets.holder.need(EntityType.MDS)
        with anyio.fail_after(BOUND):
            await tickets.ticket(EntityType.MDS)
        assert monitor.renewals == 1


async def test_there_is_nothing_to_keep_without_tickets() -> None:
    async with msgr.serve(LOOPBACK, name="mon.a", auth=None) as node, anyio.create_task_group() as tasks:
        monitor = Monitor(node, FSID)
        tasks.start_soon(monitor.run)
        async with client(monitor, auth=None) as admin:
            assert admin._monitors.tickets is None
            assert (await admin.command("status")).code == 0
        tasks.cancel_scope.cancel()
