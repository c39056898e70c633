"""Subscriptions: they go on over any number of connections, without a gap and without a repetition."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from msgr import EntityName, Message
from msgr.errors import ConfigError, ConnectionLost, DecodeError, StateError
from msgr.mon import Level, LogEntry, MgrMap
from msgr.mon.messages import Config, EntityInstance, Front, Log, MessageType, MonMapMessage, OsdMaps, Wish
from msgr.mon.updates import Subscriptions
from msgr.wire import Timestamp
from tests.net.leaks import until

from .monitor import client, cluster

anyio_test = pytest.mark.anyio
NOBODY = EntityInstance(type=8, number=4123)


def entry(text: str, seq: int = 1) -> LogEntry:
    """Return one line of the log."""
    return LogEntry(
        name=EntityName.parse("mon.a"),
        instance=NOBODY,
        addresses=(),
        stamp=Timestamp.of(1.5e9),
        seq=seq,
        level=Level.INFO,
        text=text,
        channel="cluster",
    )


def log(version: int, *texts: str) -> Log:
    """Return lines that brought the log to a version."""
    return Log(version=version, fsid=bytes(16), entries=tuple(map(entry, texts)))


def osdmaps(*epochs: int, full: bool = False) -> OsdMaps:
    """Return versions of the OSD map."""
    maps = {epoch: b"%d" % epoch for epoch in epochs}
    return OsdMaps(
        fsid=bytes(16), incremental={} if full else maps, full=maps if full else {}, oldest=1, newest=max(epochs)
    )


def mgrmap(epoch: int) -> Message:
    """Return a version of the map of the managers."""
    return Message(type=MessageType.MGR_MAP, front=MgrMap(epoch=epoch).encode())


def take(subscriptions: Subscriptions, *fronts: Front | Message) -> None:
    """Let the monitor tell something."""
    for front in fronts:
        subscriptions.take(front if isinstance(front, Message) else front.message())


class TestWishes:
    def test_everything_is_told_to_a_new_monitor_and_later_what_is_new(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("monmap"), subscriptions.listen("osdmap", start=7):
            assert subscriptions.wishes(anew=True) == {"monmap": Wish(), "osdmap": Wish(start=7)}
            assert subscriptions.wishes(anew=False) == {}
            with subscriptions.listen("config"):
                assert subscriptions.wishes(anew=False) == {"config": Wish()}
            assert set(subscriptions.wishes(anew=True)) == {"monmap", "osdmap"}
        assert subscriptions.wishes(anew=True) == {}

    def test_they_begin_after_what_came_last(self) -> None:
        subscriptions = Subscriptions()
        with (
            subscriptions.listen("osdmap"),
            subscriptions.listen("mgrmap"),
            subscriptions.listen("config"),
            subscriptions.listen("log-info"),
        ):
            take(subscriptions, osdmaps(8, full=True), osdmaps(9, 10), mgrmap(3), log(70, "a", "b"))
            take(subscriptions, Config(settings={"a": "b"}), log(75), osdmaps(2, full=True))
            found = {what: wish.start for what, wish in subscriptions.wishes(anew=True).items()}
        assert found == {"osdmap": 11, "mgrmap": 4, "config": 0, "log-info": 76}

    def test_one_level_of_the_log_at_a_time(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info"), subscriptions.listen("log-info"):
            refused = subscriptions.listen("log-debug")
            with pytest.raises(StateError, match="MON-4"):
                refused.__enter__()
        with subscriptions.listen("log-debug"):
            assert subscriptions.wishes(anew=True) == {"log-debug": Wish()}

    def test_one_beginning_at_a_time(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("osdmap", start=5), subscriptions.listen("osdmap", start=5):
            refused = subscriptions.listen("osdmap", start=6)
            with pytest.raises(StateError, match="from version 5 on"):
                refused.__enter__()

    def test_senseless_updates_are_the_monitors_fault(self) -> None:
        subscriptions = Subscriptions()
        for number in (MessageType.MON_MAP, MessageType.MGR_MAP, MessageType.OSD_MAP, MessageType.CONFIG, 52):
            with pytest.raises(DecodeError):
                subscriptions.take(Message(type=number, front=b"\xff"))
        subscriptions.take(Message(type=12345, front=b"\xff"))  # who knows what that is


@anyio_test
class TestListeners:
    async def test_each_hears_each_version_once(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("mgrmap") as one:
            take(subscriptions, mgrmap(3), mgrmap(3), mgrmap(2))
            with subscriptions.listen("mgrmap") as other:
                take(subscriptions, mgrmap(4))
                for each in (one, other):
                    assert [(await anext(each)).epoch for _ in range(2)] == [3, 4]
                    assert not each._kept

    async def test_who_joins_the_log_hears_what_comes_from_then_on(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info") as one:
            take(subscriptions, log(1, "a", "b"))
            with subscriptions.listen("log-info") as other:
                take(subscriptions, log(2, "c"))
                assert (await anext(other)).text == "c"
            assert [(await anext(one)).text for _ in range(3)] == ["a", "b", "c"]
            assert subscriptions.wishes(anew=True) == {"log-info": Wish(start=3)}

    async def test_nobody_listens_any_more(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info") as lines:
            take(subscriptions, log(1, "a"))
        take(subscriptions, log(2, "b"), mgrmap(1))
        assert (await anext(lines)).text == "a"
        with pytest.raises(StateError, match="closed"):
            await anext(lines)

    async def test_what_nobody_fetches_is_dropped_and_counted(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info") as lines:
            for version in range(1, 1101):
                take(subscriptions, log(version, str(version)))
            assert lines.dropped == 1100 - 1024
            assert (await anext(lines)).text == str(1100 - 1024 + 1)

    async def test_cancelling_loses_nothing(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info") as lines:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anext, lines)
                await checkpoint()
                take(subscriptions, log(1, "a", "b"))
                tasks.cancel_scope.cancel()
            heard = [(await anext(lines)).text]
            heard += [each.text for each in lines._kept]
            assert heard[-1] == "b"

    async def test_the_end(self) -> None:
        subscriptions = Subscriptions()
        with subscriptions.listen("log-info") as lines:
            take(subscriptions, log(1, "a"))
            subscriptions.end(ConnectionLost("gone"))
            assert (await anext(lines)).text == "a"
            with pytest.raises(ConnectionLost, match="gone"):
                await anext(lines)
        with pytest.raises(ConnectionLost, match="gone"), subscriptions.listen("log-info"):
            pass


@anyio_test
@pytest.mark.usefixtures("nothing_left")
class TestOverConnections:
    async def test_without_a_gap_and_without_a_repetition(self) -> None:
        async with cluster() as (monitor,), client(monitor) as admin:
            with admin.log() as lines, admin.monmaps() as maps, admin.osdmaps(start=4) as osds:
                await until(lambda: sum(map(len, monitor.wishes)) >= 3)
                told = {what: wish.start for wishes in monitor.wishes for what, wish in wishes.items()}
                assert told == {"log-info": 0, "monmap": 0, "osdmap": 4}
                await monitor.tell(log(10, "ten"))
                await monitor.tell(osdmaps(4, 5))
                await monitor.tell_map()
                heard = [(await anext(lines)).text, (await anext(maps)).epoch, (await anext(osds)).newest]
                for turn in range(1, 4):
                    monitor.wishes.clear()
                    monitor.drop()
                    await until(lambda: bool(monitor.wishes))
                    assert monitor.wishes == [
                        {
                            "log-info": Wish(start=10 + turn),
                            "monmap": Wish(start=1 + turn),
                            "osdmap": Wish(start=5 + turn),
                        }
                    ]
                    monitor.epoch += 1
                    await monitor.tell_map()
                    await monitor.tell(log(10 + turn, str(turn)))
                    await monitor.tell(osdmaps(5 + turn))
                    heard += [(await anext(lines)).text, (await anext(maps)).epoch, (await anext(osds)).newest]
                assert heard == ["ten", 1, 5, "1", 2, 6, "2", 3, 7, "3", 4, 8]
                assert admin.monmap.epoch == 4

    async def test_many_are_told_one_after_the_other(self) -> None:
        async with cluster() as (monitor,), client(monitor) as admin:
            with admin.configs() as settings, admin.configs() as again:
                await until(lambda: bool(monitor.wishes))
                await monitor.tell(Config(settings={"debug_ms": "1"}))
                for each in (settings, again):
                    assert await anext(each) == {"debug_ms": "1"}
                with admin.mgrmaps() as maps:
                    await until(lambda: "mgrmap" in monitor.wishes[-1])
                    await monitor.tell(MonMapMessage(monmap=monitor.monmap.encode()))  # nobody asked
                    await monitor.sessions[-1].send(mgrmap(5))
                    assert (await anext(maps)).epoch == 5

    @pytest.mark.parametrize("level", ["debug", "info", "sec", "warn", "error"])
    async def test_levels(self, level: str) -> None:
        async with cluster() as (monitor,), client(monitor) as admin:
            with admin.log(level):
                await until(lambda: bool(monitor.wishes))
                assert monitor.wishes == [{f"log-{level}": Wish()}]
            with pytest.raises(ConfigError, match="debug, info, sec, warn, error"):
                admin.log("warning")
