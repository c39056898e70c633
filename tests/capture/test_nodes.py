"""Two nodes followed from outside: what they say behind MSGR_EXT, and who is the server where both ends dialled."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msgr import Interconnect, Message, Messenger, Mode, Node, Policy, Revision
from msgr.capture import Capture, Follower, KeyLog, SeenConnection, decode_file, frame_lines, ladder_lines, page
from msgr.frame import Frame, NodeTag, crc_mode
from msgr.payload import Banner, NodeHello, to_frame
from tests.net.world import BOUND, KEYRING

from .nodes import MESSAGES, QUOTAS, meet, node
from .packets import captured, pcap
from .sniff import sniffed_at
from .talk import CLIENT, FORMS, SERVER, Talk, follow, size_of

EACH_FORM: Final = pytest.mark.parametrize(("mode", "revision"), FORMS)
EXTENDED: Final = 3 | 1 << 48
BANNERS: Final = [(side, Banner(supported=EXTENDED).to_wire()) for side in (0, 1)]


def is_whole(seen: SeenConnection, said: Talk, *, client: int = 0) -> bool:
    """Whether each byte of a conversation is accounted for, without an error."""
    assert (seen.errors, seen.undecrypted) == ((), 0)
    assert [frame.error for frame in seen.frames if frame.error] == []
    assert not any("undecoded_bytes" in (frame.payload or {}) for frame in seen.frames)
    sizes = [len(said.bytes_of(side)) for side in (client, 1 - client)]
    assert [size_of(seen, sender) for sender in ("client", "server")] == sizes
    return True


@EACH_FORM
def test_two_nodes(mode: Mode, revision: Revision) -> None:
    said = meet(mode, revision)
    seen = said.seen()
    assert is_whole(seen, said)
    order = [(str(frame.sender), frame.tag) for frame in seen.frames if frame.tag.startswith("NODE_")]
    assert sorted(order[:2]) == [("client", "NODE_HELLO"), ("server", "NODE_HELLO")]
    assert order[2:] == [("server", "NODE_ACCEPT")]
    hello = next(frame.payload for frame in seen.frames if frame.tag == "NODE_HELLO" and frame.sender == "client")
    assert hello is not None
    assert hello == {
        **{"cluster": "mesh", "accepted_clusters": ["mesh", "old"], "version": "1.0", "accepted_versions": ["1.0"]},
        **{"node": 1, "host": "host-1", "target_node": 0, "target_host": "", "scope": "tenant"},
        "program": {"pid": 100, "started": {"seconds": 1_700_000_000, "nanoseconds": 0}, "serial": 1},
        **{"encryption": "optional", "purpose": "session", "cookie": {"length": 16}},
        **{"listening": ["v2:10.0.0.1:6800/0"], "part_limit": 1 << 20, "padding_wanted": 0, "padding": {"length": 0}},
    }


@EACH_FORM
def test_channels_and_parts(mode: Mode, revision: Revision) -> None:
    """Each message has its channel, and the parts of one add up to it."""
    seen = meet(mode, revision).seen()
    for sender in ("client", "server"):
        messages = [frame.message for frame in seen.frames if frame.message is not None and frame.sender == sender]
        assert sorted((each["tid"], each["channel"]) for each in messages) == [(1, 7), (2, 65535), (3, 0)]
        assert not any("reserved" in each for each in messages)
        parts = [frame.payload for frame in seen.frames if frame.tag == "MESSAGE_PART" and frame.sender == sender]
        assert [each["channel"] for each in parts if each is not None] == [7, 7]
        last = next(each for each in messages if each["tid"] == 1)
        for name in ("front", "middle", "data"):
            lengths: list[Any] = [each[name] for each in (*parts, last) if each is not None]
            assert sum(lengths) == len(getattr(MESSAGES[0], name))


def test_without_the_bit_nothing_is_different() -> None:
    """A node and an end that is none: no frame of ours, and what is reserved stays reserved."""
    seen = meet(nodes=(node(0), None), messages=MESSAGES[1:]).seen()
    assert not any(frame.tag in {tag.name for tag in NodeTag} for frame in seen.frames)
    assert {frame.message["reserved"] for frame in seen.frames if frame.message} == {0}


@pytest.mark.parametrize("supported", [(3, 3), (EXTENDED, 3), (3, EXTENDED)])
def test_frames_of_ours_without_the_bit_are_a_breach(supported: tuple[int, int]) -> None:
    pieces = [(side, Banner(supported=bits).to_wire()) for side, bits in enumerate(supported)]
    said = b"".join(map(bytes, crc_mode(Revision.REV1).seal(to_frame(NodeHello(node=7)))))
    (frame,) = follow([*pieces, (0, said)]).frames
    assert frame.error == "NODE_HELLO, and not both banners have MSGR_EXT [NODE-1]"
    assert frame.payload is not None
    assert frame.payload["node"] == 7
    (frame,) = follow([*BANNERS, (0, said)]).frames
    assert frame.error is None


def test_a_tag_of_nobody_is_no_tag_of_ours() -> None:
    (frame,) = follow([*BANNERS, (0, b"".join(map(bytes, crc_mode(Revision.REV1).seal(Frame(0xC4, (b"?",))))))]).frames
    assert (frame.tag, frame.error) == ("tag 196", "tag 196 is not the tag of a control frame [FRAME-15]")


def seen_at(said: Talk, hosts: tuple[Any, Any], keylog: KeyLog, cut: int = 0) -> SeenConnection:
    """Return what is seen of a conversation between these hosts; `cut` says how the directions are interleaved."""
    follower = Follower(hosts, keylog)
    if cut:
        for side in (0, 1) if cut == 1 else (1, 0):
            follower.feed(side, 0.0, said.bytes_of(side))
    else:
        for time, (side, data) in enumerate(said.pieces):
            follower.feed(side, float(time), data)
    follower.finish()
    return follower.seen()


@pytest.mark.parametrize("cut", [0, 1, 2], ids=["as it went", "side 0 first", "side 1 first"])
@pytest.mark.parametrize("hosts", [(SERVER, CLIENT), (CLIENT, SERVER)], ids=["lower first", "higher first"])
@EACH_FORM
def test_both_ends_dialled(mode: Mode, revision: Revision, hosts: tuple[Any, Any], cut: int) -> None:
    """SIMOPEN-1: the lower address is the server, and its own AUTH_REQUEST has no answer."""
    said = meet(mode, revision, hosts=hosts, both_dial=True)
    seen = seen_at(said, hosts, said.keylog(), cut)
    assert (seen.client, seen.server) == (str(CLIENT), str(SERVER))  # 50123 and 6789
    assert is_whole(seen, said, client=hosts.index(CLIENT))
    assert (seen.mode, seen.auth_method) == (mode.name.lower(), "cephx")
    assert sorted(str(frame.sender) for frame in seen.frames if frame.tag == "AUTH_REQUEST") == ["client", "server"]
    assert {str(frame.sender) for frame in seen.frames if frame.tag == "AUTH_DONE"} == {"server"}
    assert sum(frame.message is not None for frame in seen.frames) == 2 * len(MESSAGES)


@pytest.mark.parametrize("hosts", [(SERVER, CLIENT), (CLIENT, SERVER)], ids=["lower first", "higher first"])
def test_packets_that_crossed(tmp_path: Path, hosts: tuple[Any, Any]) -> None:
    """TCP has its own simultaneous open: two SYN, two SYN with ACK."""
    said, path = meet(hosts=hosts, both_dial=True), tmp_path / "capture.pcap"
    path.write_bytes(pcap(captured(said.pieces, *hosts, both_dial=True), 101))
    (seen,) = decode_file(path, said.keylog()).connections
    assert (seen.client, seen.server) == (str(CLIENT), str(SERVER))
    assert is_whole(seen, said, client=hosts.index(CLIENT))


@pytest.mark.parametrize("swapped", [False, True])
def test_the_key_log_of_both_who_dialled(swapped: bool) -> None:
    """Each of them may have written itself down as the client."""
    said = meet(hosts=(SERVER, CLIENT), both_dial=True)
    ends = (str(SERVER), str(CLIENT)) if swapped else (str(CLIENT), str(SERVER))
    assert is_whole(seen_at(said, (SERVER, CLIENT), said.keylog(*ends)), said, client=1)


def test_a_socket_that_is_connected_to_itself() -> None:
    """SIMOPEN-2: nobody is the server; what was said is shown."""
    said = meet(Mode.CRC, hosts=(SERVER, CLIENT), both_dial=True)
    seen = seen_at(said, (SERVER, SERVER), KeyLog())
    assert "both ends asked to be let in, from one address [SIMOPEN-2]" in seen.errors
    assert {frame.tag for frame in seen.frames} == {"HELLO", "AUTH_REQUEST"}


RACED: Final = meet(hosts=(SERVER, CLIENT), both_dial=True, messages=MESSAGES[1:])


@given(seed=st.integers(min_value=0))
@settings(max_examples=50, deadline=None)
def test_however_it_is_cut(seed: int) -> None:
    said, random = RACED, Random(seed)
    follower = Follower((SERVER, CLIENT), said.keylog())
    left = [said.bytes_of(0), said.bytes_of(1)]
    while any(left):
        side = random.choice([side for side in (0, 1) if left[side]])
        size = random.randint(1, 700)
        follower.feed(side, 0.0, left[side][:size])
        left[side] = left[side][size:]
    follower.finish()
    assert is_whole(follower.seen(), said, client=1)


def test_in_words() -> None:
    said = meet(Mode.CRC, nodes=(node(0, cluster="foreign", accepted_clusters=()), node(1)))
    seen = said.seen()
    assert is_whole(seen, said)
    lines = [line for _, line in frame_lines(seen)]
    assert lines[0].endswith(" supports revision 2.1 and compression and the msgr extension; requires nothing")
    told = [line.split(maxsplit=2)[2] for line in lines if " NODE_" in line]
    hello = "node 2 at host-2, cluster mesh, version 1.0, scope tenant, encryption optional"
    assert told[0].split(maxsplit=1) == ["NODE_HELLO", hello]
    assert told[-1].startswith("NODE_REJECT            permanent: ")
    assert told[-1].endswith(" [NODE-3]")
    assert any("NODE_REJECT  permanent: " in line for _, line in ladder_lines(seen))
    html = "".join(page(Capture(connections=(seen, meet(Mode.CRC).seen())), "nodes"))
    assert "<dt>program</dt><dd>pid 101, started 1700000000.000000001, serial 1</dd>" in html
    assert "<dt>channel</dt><dd>65535</dd>" in html
    assert "<b>MESSAGE_PART</b> channel 7, from byte 65536, data 65536" in html


def test_words_of_what_is_rarely_said() -> None:
    hello = NodeHello(target_node=4, target_host="h4", purpose=1, padding_wanted=1200)
    said = b"".join(map(bytes, crc_mode(Revision.REV1).seal(to_frame(hello))))
    *_, (_, line) = frame_lines(follow([*BANNERS, (0, said)]))
    assert line.endswith(
        "a node, wants node 4 at h4, encryption optional, purpose reverse_check, wants 1200 bytes back"
    )


@pytest.mark.anyio
@EACH_FORM
async def test_live(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode, revision: Revision) -> None:
    """Two messengers over loopback, captured: not a byte of either is left undecoded."""
    keys, path = tmp_path / "keys", tmp_path / "capture.pcap"
    keys.touch(0o600)
    monkeypatch.setenv("MSGR_KEYLOG", str(keys))
    with sniffed_at(path) as address:
        where = await exchanged(address, mode, revision)
    (seen,) = [each for each in decode_file(path, KeyLog.load(keys)).connections if each.server == where]
    assert (seen.mode, seen.revision, seen.errors, seen.undecrypted) == (mode.name.lower(), str(revision), (), 0)
    assert [frame.error for frame in seen.frames if frame.error] == []
    assert not any("undecoded_bytes" in (frame.payload or frame.message or {}) for frame in seen.frames)
    tags = {frame.tag for frame in seen.frames}
    assert {"NODE_HELLO", "NODE_ACCEPT", "MESSAGE_PART", "MESSAGE"} <= tags
    assert {frame.message["channel"] for frame in seen.frames if frame.message} == {0, 7, 65535}


async def exchanged(address: str, mode: Mode, revision: Revision) -> str:
    """Have a node send the messages to another, which listens at an address; returns where that is."""

    def messenger(name: str, number: int, listen: str | None) -> Messenger:
        return Messenger(
            name,
            auth=KEYRING,
            policy=Policy.stateless_server() if listen else Policy.lossy_client(),
            listen=listen,
            modes=(mode,),
            revisions=frozenset({revision}),
            channels=QUOTAS,
            interconnect=Interconnect(node=Node(id=number, cluster="mesh")),
        )

    async with messenger("mon.a", 1, address) as server, messenger("client.admin", 2, None) as client:
        session = client.session(str(server.listening[0]))
        for message in MESSAGES:
            await session.send(message)
        with anyio.fail_after(BOUND):
            far = await anext(server)
            got: list[Message] = [await far.receive() for _ in MESSAGES]
        assert sorted(message.channel for message in got) == [0, 7, 65535]
        return str(server.listening[0]).removeprefix("v2:").partition("/")[0]
