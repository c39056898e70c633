"""`msgr soak`: every message is accounted for, and the exit code says whether all is well."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from dataclasses import replace
from functools import partial

import anyio
import pytest

from msgr import Message, Mode, PeerError, Revision
from msgr.cli import soak as command
from msgr.cli.ledger import Kind, Lane, Ledger
from msgr.cli.peers import Figures, Plan, linked
from msgr.cli.resume import resume_demo
from msgr.testing import Track

from .run import ENVIRONMENT, LIMIT, PROGRAM, Msgr

KEYS = ["sent", "received", "lost", "duplicated", "reordered", "reconnects", "resets", "seconds", "seed"]
FORMS = [(mode, revision) for mode in ("secure", "crc") for revision in ("2.1", "2.0")]
LANE = Lane(0, 1, Kind.REQUEST)


@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_nothing_is_lost_in_any_mode(msgr: Msgr, mode: str, revision: str) -> None:
    done = msgr("soak", "--seconds", "1", "--seed", "1", "--mode", mode, "--revision", revision, "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert list(found) == KEYS
    assert found["sent"] == found["received"] > 100
    assert [found[key] for key in ("lost", "duplicated", "reordered", "resets", "seed")] == [0, 0, 0, 0, 1]
    assert found["reconnects"] > 0
    assert found["seconds"] >= 1


def test_it_is_for_people_too(msgr: Msgr) -> None:
    done = msgr("soak", "--seconds", "0.3", "--peers", "2", "--cuts-per-second", "0", "--seed", "5")
    assert (done.code, done.err) == (0, "")
    assert "2 peers, 1 links, secure mode, revision 2.1, seed 5" in done.out
    assert "reconnects           0" in done.out


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_nothing_is_lost_for_longer(msgr: Msgr, mode: str, revision: str) -> None:
    done = msgr("soak", "--seconds", "20", "--seed", "2", "--mode", mode, "--revision", revision, "--json")
    assert done.code == 0
    assert done.document["reconnects"] > 100


@pytest.mark.slow
def test_more_peers(msgr: Msgr) -> None:
    done = msgr("soak", "--seconds", "10", "--seed", "3", "--peers", "8", "--cuts-per-second", "2", "--json")
    assert done.code == 0


@pytest.mark.parametrize("wrong", ["lost", "duplicated", "reordered", "unsure"])
def test_what_went_wrong_is_the_exit_code(msgr: Msgr, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    figures = Figures(sent=3, received=2, links=1, seconds=1.0)
    setattr(figures, wrong, 1)

    async def soaked(*_: object) -> Figures:
        return figures

    monkeypatch.setattr(command, "_soak", soaked)
    done = msgr("soak", "--seed", "7", "--json")
    assert done.code == 1
    assert list(done.document) == KEYS
    if wrong != "unsure":
        assert done.document[wrong] == 1
    assert msgr("soak").code == 1


@pytest.mark.parametrize("arguments", [("--peers", "1"), ("--seconds", "0"), ("--mode", "plain")])
def test_arguments_that_cannot_be(msgr: Msgr, arguments: tuple[str, str]) -> None:
    assert msgr("soak", *arguments).code == 2


def test_a_session_that_ends_is_a_failure() -> None:
    async def run() -> Figures:
        plan = Plan(seconds=30, seed=1, peers=2, cuts_per_second=0, mode=Mode.CRC, revision=Revision.REV1)
        async with linked(plan) as peers:

            def end(_: float) -> None:
                if peers.ledger.received:
                    peers.sessions[0, 1].abort()

            return await peers.run(end)

    figures = anyio.run(run)
    assert figures.errors
    assert not figures.good


def test_an_interrupt_at_a_terminal_leaves_nothing() -> None:
    reading, writing = pty.openpty()
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("TERM", "NO_COLOR")}
    with subprocess.Popen(
        [*PROGRAM, "soak", "--seconds", "60"],
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=writing,
    ) as process:
        os.close(writing)
        try:
            shown = b""
            while b"soaking" not in shown:
                shown += os.read(reading, 4096)
            process.send_signal(signal.SIGINT)
            try:
                while more := os.read(reading, 4096):
                    shown += more
            except OSError:
                pass  # nobody has the terminal any more
            assert process.wait(LIMIT) == 130
        finally:
            process.kill()
            os.close(reading)
    assert b"interrupted" in shown
    assert b"Traceback" not in shown


def test_a_track_counts_what_is_missing_doubled_and_late() -> None:
    track = Track(sent=6)
    for number in (0, 1, 4, 1, 3, 4):
        track.take(number)
    assert (track.received, track.duplicated, track.reordered, track.missing) == (4, 2, 1, {2})


def test_a_ledger_knows_its_messages() -> None:
    ours, theirs = Ledger(1), Ledger(1)
    messages = [ours.write(LANE) for _ in range(3)]
    assert len({message.front for message in messages}) == 3
    for message in messages:
        assert theirs.read(0, 1, message) == LANE
    assert (ours.sent, theirs.received, theirs.duplicated, theirs.reordered) == (3, 3, 0, 0)


@pytest.mark.parametrize("change", [{"front": b""}, {"data": b"x"}, {"tid": 7}, {"priority": 1}])
def test_a_message_that_came_changed_is_refused(change: dict[str, object]) -> None:
    message: Message = replace(Ledger(1).write(LANE), **change)  # type: ignore[arg-type]
    with pytest.raises(PeerError, match="came changed"):
        Ledger(1).read(0, 1, message)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("revision", Revision, ids=str)
def test_the_demo_of_a_session_that_resumes(backend: str, mode: Mode, revision: Revision) -> None:
    found = anyio.run(partial(resume_demo, mode, revision), backend=backend)
    assert found.messages == found.acknowledged
    assert found.cuts == found.resumed > 0
    assert (found.lost, found.duplicated) == (0, 0)
