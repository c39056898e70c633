"""The frames of our own, and both ends dialling: what tshark shows is what `msgr decode` says."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from msgr import Mode, Revision
from msgr.capture import Host
from msgr.frame import Frame, NodeTag, Tag, tag_name
from msgr.payload import (
    AuthDone,
    ClientIdent,
    NodeAccept,
    NodeHello,
    NodeReject,
    PartHeader,
    Program,
    ServerIdent,
)
from msgr.wire import Timestamp
from tests.capture.nodes import meet, node
from tests.capture.packets import captured, pcap
from tests.capture.talk import CLIENT, FORMS, SERVER, Talk

from .compare import agree, decoded
from .script import Script
from .sharks import Shark, Shown, written
from .test_frames import ADDRESSES, HANDSHAKE, HEADER, SAID

PASSES: Final = ((), ("-2",))
EACH_PASS: Final = pytest.mark.parametrize("passes", PASSES, ids=["one pass", "two passes"])
RAW: Final = 101
FULL: Final = NodeHello(
    cluster="mesh", accepted_clusters=("old", "", "Ünïted"), version="stable-24", accepted_versions=("stable-23",),
    node=(1 << 64) - 1, host="host-1.example", target_node=2, target_host="host-2.example", scope="/tenant",
    program=Program(pid=1 << 40, started=Timestamp(seconds=1_700_000_000, nanoseconds=5), serial=9),
    encryption=2, purpose=1, cookie=bytes(range(16)), listening=ADDRESSES, part_limit=1 << 33,
    padding_wanted=1200, padding=bytes(300),
)  # fmt: skip
NODES: Final = (
    (0, FULL),
    (1, NodeHello(encryption=77, purpose=99, node=1)),
    (1, NodeAccept(reverse_checked=True, padding=b"p" * 1200)),
)
PARTS: Final = (
    Frame(NodeTag.MESSAGE_PART, (PartHeader(channel=65535, offset=1 << 40).encode(), b"f" * 5000, b"", b"d")),
    Frame(NodeTag.MESSAGE_PART, (PartHeader(channel=0, offset=0).encode(), b"", b"m" * 60)),
    Frame(Tag.MESSAGE, (HEADER, b"front")),
)
APPENDED: Final = b"\x02\x01\x09\x00\x00\x00" + bytes(5) + b"more"
"""A NODE_ACCEPT of a later version, with four bytes more in its record."""
BEHIND: Final = b"\x02\x01\x05\x00\x00\x00" + bytes(5) + b"beyond"
"""One with six bytes behind its record."""


def introduced(mode: Mode, revision: Revision, *, extended: tuple[bool, bool] = (True, True)) -> Script:
    """Return a conversation in which two nodes introduce themselves and say all that they can."""
    script = Script(revision, extended=extended)
    signatures = [each for each in SAID if each[1].tag == Tag.AUTH_SIGNATURE]
    idents = [each for each in SAID if isinstance(each[1], ClientIdent | ServerIdent)]
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1, mode=mode, payload=b"")), *signatures, *NODES, *idents):
        script.say(side, payload)
    for side in (0, 1):
        script.say(side, *PARTS)
    return script


def both_see(
    shark: Shark,
    desk: Path,
    lua: Path,
    said: Script | Talk,
    *options: str,
    hosts: tuple[Host, Host] = (CLIENT, SERVER),
    both_dial: bool = False,
) -> tuple[dict[str, Any], list[Shown]]:
    """Return what the decoder and tshark see of a conversation, after comparing them."""
    keys = (
        ""
        if isinstance(said, Script)
        else "".join(f"MSGR2_CONNECTION_SECRET * * {one.hex()}\n" for one in said.secrets)
    )
    capture = written(desk / "capture", pcap(captured(said.pieces, *hosts, both_dial=both_dial), RAW))
    log = written(desk / "keys", said.keys() if isinstance(said, Script) else keys)
    shown = shark.frames(capture, *options, plugin=lua, keys=log)
    (connection,) = decoded(capture, log)
    assert agree(connection, shown) == len(connection["frames"])
    return connection, shown


@EACH_PASS
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_what_two_nodes_say(
    shark: Shark, lua: Path, desk: Path, mode: Mode, revision: Revision, passes: tuple[str, ...]
) -> None:
    connection, shown = both_see(shark, desk, lua, introduced(mode, revision), *passes)
    assert connection["errors"] == []
    assert [frame["error"] for frame in connection["frames"] if frame["error"]] == []
    assert not any(each.experts for each in shown)
    assert {frame["tag"] for frame in connection["frames"]} >= {"NODE_HELLO", "NODE_ACCEPT", "MESSAGE_PART"}
    assert [each.number("message.channel") for each in shown if each.has("message.channel")] == [15, 15]
    assert not any(each.has("message.reserved") for each in shown)


@pytest.mark.parametrize("extended", [(False, False), (True, False), (False, True)])
def test_without_the_bit_they_are_a_breach(shark: Shark, lua: Path, desk: Path, extended: tuple[bool, bool]) -> None:
    connection, shown = both_see(shark, desk, lua, introduced(Mode.CRC, Revision.REV1, extended=extended))
    ours = [frame for frame in connection["frames"] if frame["tag"] in {tag.name for tag in NodeTag}]
    assert len(ours) == len(NODES) + 4
    assert {frame["error"] for frame in ours} == {
        f"{tag}, and not both banners have MSGR_EXT [NODE-1]" for tag in ("NODE_HELLO", "NODE_ACCEPT", "MESSAGE_PART")
    }
    assert [each.number("message.reserved") for each in shown if each.has("message.reserved")] == [15, 15]
    assert not any(each.has("message.channel") for each in shown)


def test_what_a_later_version_appends_is_passed_over_and_counted(shark: Shark, lua: Path, desk: Path) -> None:
    script = Script(extended=(True, True))
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1, mode=1, payload=b"")), *SAID[:2], *NODES[:2]):
        script.say(side, payload)
    script.say(1, Frame(NodeTag.NODE_ACCEPT, (APPENDED,)), Frame(NodeTag.NODE_ACCEPT, (BEHIND,)))
    connection, _ = both_see(shark, desk, lua, script)
    assert [frame["payload"].get("undecoded_bytes") for frame in connection["frames"][-2:]] == [4, 6]


def test_a_version_that_nobody_knows_yet(shark: Shark, lua: Path, desk: Path) -> None:
    script = Script(extended=(True, True))
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1, mode=1, payload=b"")), *SAID[:2]):
        script.say(side, payload)
    script.say(0, Frame(NodeTag.NODE_HELLO, (b"\x03\x02\x00\x00\x00\x00",)))
    script.say(1, Frame(NodeTag.MESSAGE_PART, (b"\x01",)))
    connection, shown = both_see(shark, desk, lua, script)
    hello, part = connection["frames"][-2:]
    assert "version 3, readable from version 2 on" in hello["error"]
    assert part["error"].endswith("[WIRE-1]")
    assert [each.experts & {"malformed"} for each in shown[-2:]] == [{"malformed"}] * 2


@EACH_PASS
@pytest.mark.parametrize("at", [0, 3, 7, 8])
def test_a_client_that_says_no_in_the_clear(
    shark: Shark, lua: Path, desk: Path, at: int, passes: tuple[str, ...]
) -> None:
    """Who does not like an answer does not encrypt as it says: what it says instead is read, with a key or without."""
    script = Script(extended=(True, True))
    for side, payload in (*HANDSHAKE, (1, AuthDone(global_id=1, mode=2, payload=b"")))[:at]:
        script.say(side, payload)
    clear = Script(extended=(True, True))
    clear.say(0, NodeReject(kind=1, rule="AUTH-7", reason="no mode \x1b[2J of mine"))
    script.pieces.append(clear.pieces[-1])
    script.secret = bytes(64)  # none that fits
    connection, shown = both_see(shark, desk, lua, script, *passes)
    assert connection["errors"] == []
    last = connection["frames"][-1]
    assert (last["tag"], last["from"], last["error"]) == ("NODE_REJECT", "client", None)
    assert last["payload"] == {"kind": "permanent", "rule": "AUTH-7", "reason": "no mode \x1b[2J of mine"}
    assert shown[-1].experts == set()


def test_a_refused_node(shark: Shark, lua: Path, desk: Path) -> None:
    said = meet(Mode.SECURE, nodes=(node(0, cluster="foreign", accepted_clusters=()), node(1)))
    connection, shown = both_see(shark, desk, lua, said)
    rejects = [frame for frame in connection["frames"] if frame["tag"] == "NODE_REJECT"]
    assert {frame["from"] for frame in rejects} == {"client", "server"}
    assert {(frame["payload"]["kind"], frame["payload"]["rule"]) for frame in rejects} == {("permanent", "NODE-3")}
    assert not any(each.experts for each in shown)


LOW: Final = Host(ip_address("127.0.0.1"), 40_000)
HIGH: Final = Host(ip_address("127.0.0.1"), 40_001)
OTHERS: Final = (Host(ip_address("10.0.0.9"), 50_000), Host(ip_address("10.0.0.10"), 6000))
"""As numbers, the first is the lower; as text, the second would be."""


@EACH_PASS
@pytest.mark.parametrize("hosts", [(LOW, HIGH), (HIGH, LOW), OTHERS, OTHERS[::-1]])
@pytest.mark.parametrize(("mode", "revision"), FORMS)
def test_both_ends_dial(
    shark: Shark,
    lua: Path,
    desk: Path,
    mode: Mode,
    revision: Revision,
    hosts: tuple[Host, Host],
    passes: tuple[str, ...],
) -> None:
    """The lower address is the server; its own AUTH_REQUEST is shown, and not answered (SIMOPEN-1)."""
    said = meet(mode, revision, hosts=hosts, both_dial=True)
    connection, shown = both_see(shark, desk, lua, said, *passes, hosts=hosts, both_dial=True)
    server, client = sorted(hosts, key=lambda host: (int(host.ip), host.port))
    assert (connection["client"], connection["server"]) == (str(client), str(server))
    assert (connection["errors"], connection["undecrypted"]) == ([], 0)
    assert (connection["mode"], connection["auth_method"]) == (mode.name.lower(), "cephx")
    asked = [frame["from"] for frame in connection["frames"] if frame["tag"] == "AUTH_REQUEST"]
    assert sorted(asked) == ["client", "server"]
    assert not any(each.experts for each in shown)
    assert shown[-1].one("protection") == mode.name.lower()


def test_both_ends_dial_and_neither_serves(shark: Shark, lua: Path, desk: Path) -> None:
    script = Script(extended=(True, True))
    for side, payload in (*HANDSHAKE[:3], (1, HANDSHAKE[2][1])):
        script.say(side, payload)
    for side in (0, 1):
        script.say(side, NodeReject(kind=2, rule="SIMOPEN-3", reason="both dialled"))
    connection, _ = both_see(shark, desk, lua, script)
    assert connection["errors"] == []
    assert [frame["tag"] for frame in connection["frames"]][-2:] == [tag_name(NodeTag.NODE_REJECT)] * 2
