"""The benchmark measures what it says: everybody does all of the work, and whoever cheats is found out."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from msgr.wire import Octets

from . import beside
from .figures import Results, markdown, table
from .goals import goals
from .links import Link
from .load import BYE, Checker, Load, Wrong, end_of, settle
from .materials import make_materials
from .memory import copies, idle
from .picture import picture
from .runner import Failed, Run, measure, run_once, takes_part
from .talk import answer
from .transports import ENTRIES
from .works import BY_DEPTH, BY_SIZE, MAIN, MIB, Kind, Work

SIZES = (64, 100, 4096, MIB)
STREAM = Work(name="100 B", kind=Kind.STREAM, size=100)
WORKS = [work for work in (*MAIN, BY_DEPTH[-1]) if work.name != "4 KiB"]
PAIRS = [(name, work) for name, entry in ENTRIES.items() for work in WORKS if takes_part(entry, work)]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with certificates and a keyring."""
    made = tmp_path_factory.mktemp("materials")
    make_materials(made)
    return made


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_was_sent_passes(size: int, kind: type[Octets]) -> None:
    load = Load(size)
    checker = Checker(load)
    for message in (*load.messages, *load.messages):
        checker.check(kind(message))
    assert checker.number == 2 * len(load.messages)


def wrong(messages: tuple[bytes, ...]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield what a transport must not make of messages, the last being the wrong one; and what that is called."""
    first, second, third, *_ = messages
    half = len(second) // 2
    yield "lost", [first, third]
    yield "sent before the first", [second]
    yield "doubled", [first, first]
    yield "cut", [first, second[:-1]]
    yield "changed in the middle", [first, second[:half] + bytes([second[half] ^ 1]) + second[half + 1 :]]
    yield "changed at the end", [first, second[:-1] + bytes([second[-1] ^ 1])]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_not_sent_does_not(size: int) -> None:
    load = Load(size)
    for name, (*good, bad) in wrong(load.messages):
        checker = Checker(load)
        for message in good:
            checker.check(message)
        with pytest.raises(Wrong):
            checker.check(bad)
        assert checker.number == len(good), name


class Scripted:
    """A connection on which a script comes in."""

    def __init__(self, script: list[bytes]) -> None:
        self.sent: list[bytes] = []
        self._script = iter(script)

    async def send(self, message: Octets) -> None:
        """Keep what is sent."""
        self.sent.append(bytes(message))

    async def flush(self) -> None:
        """Do nothing."""

    async def receive(self) -> Octets:
        """Return the next message of the script."""
        return next(self._script)


def answered(work: Work, script: list[bytes]) -> list[bytes]:
    """Return what a server sends to a client that sends this."""
    link = Scripted(script)
    checked: Link = link
    anyio.run(answer, checked, work)
    return link.sent


def test_the_account_tells_of_each_burst() -> None:
    one, two, three, *_ = Load(100).messages
    accounts = answered(STREAM, [one, two, end_of(2), three, end_of(1), BYE])
    assert [settle(account, count)["count"] for account, count in zip(accounts, (2, 1), strict=True)] == [2, 1]
    with pytest.raises(Wrong, match="counts 2"):
        settle(accounts[0], 3)


def test_an_end_that_comes_early_is_no_end() -> None:
    with pytest.raises(Wrong, match="1 messages came of 2"):
        answered(STREAM, [Load(100).messages[0], end_of(2), BYE])


def test_an_echo_is_what_came() -> None:
    messages = Load(100).messages[:3]
    assert answered(replace(STREAM, kind=Kind.ECHO), [*messages, BYE]) == list(messages)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "work"), PAIRS, ids=lambda part: part.name if isinstance(part, Work) else part)
def test_everybody_does_the_work(name: str, work: Work, directory: Path) -> None:
    entry = ENTRIES[name]
    for package in entry.missing:
        pytest.skip(f"{package} is not installed")
    figures = run_once(entry, replace(work, seconds=0.05), directory)
    assert figures["count"] > 0
    assert work.value(figures) > 0


@pytest.mark.slow
def test_memory_is_weighed(directory: Path) -> None:
    entry = ENTRIES["msgr-secure"]
    found = {**idle(entry, directory, 20), **copies(entry, directory, 0.1)}
    assert found["sessions"] == 20
    assert 1 < found["receiver_copies"] <= found["receiver_copies_by_default"] + 1
    assert found["sender_copies"] > 1


@pytest.mark.slow
def test_a_run_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="No such file"):
        run_once(ENTRIES["asyncio-tls"], STREAM, tmp_path)
    (run,) = measure([STREAM], [ENTRIES["asyncio-tls"]], tmp_path, 1, lambda _: None)
    assert run.error
    assert Results([run]).failures == [run]


def run_of(work: Work, name: str, repetition: int, value: float) -> Run:
    """Return a run with that figure."""
    figures = {"count": value, "seconds": 1.0, "cpu": 0.5, "receiver_cpu": 0.25, "round_trip": value / 1e6}
    return Run(work=work, transport=name, repetition=repetition, figures=figures)


def results(figures: Mapping[str, tuple[float, ...]], works: tuple[Work, ...] = MAIN) -> Results:
    """Return results in which every work has these figures, by transport and repetition."""
    return Results(
        run_of(work, name, repetition, value)
        for work in works
        for name, values in figures.items()
        for repetition, value in enumerate(values)
    )


def test_ratios_are_made_within_a_repetition() -> None:
    """The second repetition ran on a machine that was busy: medians alone would say 10."""
    found = results({"msgr-secure": (20.0, 4.0, 22.0), "asyncio-tls": (10.0, 2.0, 2.0)})
    work, trip = found.works[0], found.works[3]
    assert found.median(work, "msgr-secure") == 20.0
    assert found.ratio(work, "msgr-secure", "asyncio-tls") == 2.0
    assert found.ratio(trip, "msgr-secure", "asyncio-tls") == 0.5  # less is better
    assert found.ratio(work, "msgr-secure", "sockets") is None


def test_the_best_peer_encrypts_and_is_not_ours() -> None:
    found = results({"msgr-secure": (9.0,), "sockets": (8.0,), "grpc-tls": (3.0,), "pyzmq-curve": (4.0,)})
    assert found.best_secure_peer(found.works[0]) == "pyzmq-curve"
    assert found.best_secure_peer(found.works[3]) == "grpc-tls"


def test_goals_are_judged() -> None:
    found = results({"msgr-secure": (40.0,), "msgr-crc": (7.0,), "sockets": (10.0,), "asyncio-tls": (20.0,)})
    rates = {(4 * MIB, "theirs to theirs"): 100.0, (4 * MIB, "theirs to ours"): 60.0}
    memory: dict[str, dict[str, float]] = {
        "msgr-secure": {"sessions": 10.0, "idle_bytes": 25_000.0, "sender_copies": 3.0, "receiver_copies": 3.5}
    }
    judged = {goal.says: goal.met for goal in goals(found, {"without sleeps": rates}, memory)}
    assert judged == {
        "4 MiB: msgr-secure to asyncio-tls, the best secure peer": True,
        "4 MiB: msgr-crc to sockets": False,
        "4 KiB: msgr-secure to asyncio-tls, the best secure peer": True,
        "100 B: msgr-secure to asyncio-tls": True,
        "round trip: msgr-secure to asyncio-tls": False,
        "connections: msgr-secure to asyncio-tls": True,
        "4 MiB: msgr-secure, one way, to Ceph's messenger in crc mode": False,
        "ceph_perf_msgr_client, 4194304 B: our server to its own, without sleeps": True,
        "bytes of an idle session in a server with 10": False,
        "copies of a 4 MiB message at the sender, one message held at a time": True,
        "copies of a 4 MiB message at the receiver, one message held at a time": False,
    }


def test_figures_are_shown_and_drawn() -> None:
    found = results(dict.fromkeys(ENTRIES, (2000.0, 1000.0)), (*MAIN, *BY_SIZE, *BY_DEPTH))
    for text in (table(found), markdown(found)):
        assert all(entry.title in text for entry in ENTRIES.values())
        assert "1,500/s" in text
    drawn = ElementTree.fromstring(picture(found))
    words = {"".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {entry.title for entry in ENTRIES.values()} <= words
    document: list[dict[str, Any]] = json.loads(json.dumps(found.document()))
    assert document[0]["transports"]["sockets"]["runs"] == [2000.0, 1000.0]


def test_encrypting_beside_the_loop_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["beside", "--repeat", "1", "--count", "2"])
    beside.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["decrypt", "discard"]
    assert all(float(line.split()[-1]) > 0 for line in lines)
