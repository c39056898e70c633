"""Recorded conversations of real daemons, put into packets: reconnecting sessions among them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from msgr.capture.recorded import Opened, read_recorded
from msgr.capture.source import Source
from tests.capture.packets import TcpTalk, pcap
from tests.capture.test_recorded import DATA, INDEX

from .compare import agree, decoded
from .sharks import Shark, written


def packets_of(name: str) -> list[bytes]:
    """Return a recording as packets."""
    talks: dict[int, TcpTalk] = {}
    packets: list[bytes] = []
    with gzip.open(DATA / f"{name}.jsonl.gz") as file:
        for step in read_recorded(Source(file)):
            if isinstance(step, Opened):
                talks[step.number] = TcpTalk(step.client, step.server, packets=packets)
                talks[step.number].begin()
            elif step.number in talks:
                talks[step.number].say(step.side, step.data)
    return packets


@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
@pytest.mark.parametrize("name", INDEX)
def test_every_frame(shark: Shark, lua: Path, desk: Path, name: str, passes: tuple[str, ...]) -> None:
    secrets = [each["connection_secret"] for each in INDEX[name]["connections"]]
    log = "".join(f"MSGR2_CONNECTION_SECRET * * {secret}\n" for secret in secrets if secret)
    capture, keys = written(desk / "capture", pcap(packets_of(name), 101)), written(desk / "keys", log)
    shown = shark.frames(capture, *passes, plugin=lua, keys=keys)
    connections = decoded(capture, keys)
    assert len(connections) == len(secrets)
    assert [connection["errors"] for connection in connections] == [[]] * len(secrets)
    count = sum(agree(connection, shown) for connection in connections)
    assert count == sum(each.is_frame for each in shown)
    # The recording begins in the middle of the life of some peers, but with the first byte of each connection.
    assert not any(each.experts for each in shown)
