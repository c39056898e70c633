"""What is shown of a capture: lines, ladders, and the page, in the browser of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest

from msgr import Algorithm, Mode, Revision
from msgr.capture import (
    Capture,
    Host,
    KeyLog,
    SeenConnection,
    Sender,
    decode_file,
    frame_lines,
    headline,
    ladder_lines,
    page,
)
from msgr.capture.words import printable, summary
from msgr.frame import Frame, FrameCompressor, Tag, crc_mode
from msgr.payload import (
    AuthBadMethod,
    AuthRequest,
    Banner,
    CompressionDone,
    Control,
    Hello,
    Keepalive,
    SessionReset,
    to_frame,
)
from msgr.wire import EntityAddr, EntityType, Timestamp

from . import browser
from .sniff import need
from .talk import follow, talk

EVIL: Final = "<script>document.title='owned'</script>\x1b[31m<img src=x onerror=alert(1)>"
SAID: Final = talk(Mode.SECURE, Revision.REV1)
WHOLE: Final = SAID.seen()
BLIND: Final = SAID.seen(KeyLog())


def evil() -> SeenConnection:
    """A connection whose client bears a name that is made to harm, and then breaks off."""
    mode = crc_mode(Revision.REV1)
    banner = Banner(supported=1).to_wire()
    name = EVIL.encode()
    claim = b"\x0a\x08\0\0\0" + len(name).to_bytes(4, "little") + name + bytes(8)
    frames = (
        Hello(entity_type=EntityType.CLIENT, peer_address=EntityAddr.parse("v2:127.0.0.1:1")),
        AuthRequest(method=2, modes=(1,), payload=claim),
    )
    said = b"".join(bytes(piece) for frame in frames for piece in mode.seal(to_frame(frame)))
    return follow([(0, banner), (1, banner), (0, said), (1, b"nonsense" * 10)])


CAPTURE: Final = Capture(connections=(WHOLE, BLIND, evil()), notes=(f"a note {EVIL}",))


def markup(capture: Capture = CAPTURE) -> str:
    """The page."""
    return "".join(page(capture, f"{EVIL}.pcap"))


def test_a_line_a_frame() -> None:
    assert headline(WHOLE) == "127.0.0.1:50123 > 127.0.0.1:6789  msgr 2.1, secure mode, auth cephx, 20 frames"
    lines = [line for _, line in frame_lines(WHOLE)]
    assert len(lines) == 22
    assert lines[0] == "    0.000000  > BANNER                 supports revision 2.1 and compression; requires nothing"
    assert any(
        re.fullmatch(r" +\d+\.0{6}  > MESSAGE  +MMonCommand seq 2, tid 2, ack 1, front 5, .*", line) for line in lines
    )
    assert "not decrypted" in headline(BLIND)


def test_nothing_steers_the_terminal() -> None:
    shown = [line for _, line in frame_lines(evil())] + [line for _, line in ladder_lines(evil(), width=400)]
    assert any("\\x1b[31m" in line for line in shown)
    assert all(line.isprintable() for line in shown)
    assert printable("a\u202eb\n") == "a\\u202eb\\n"


def test_the_short_of_each_frame() -> None:
    """Of the frames that a real cluster said."""
    data = Path(__file__).parent / "data"
    capture = decode_file(data / "monmon-16-crc-reconnect-kill.jsonl.gz")
    lines = {event.tag: line for each in capture.connections for event, line in frame_lines(each)}
    assert lines["WAIT"].endswith("< WAIT")
    assert lines["ACK"].split()[-2] == "seq"
    assert "SESSION_RETRY          connect_seq " in lines["SESSION_RETRY"]
    assert re.search(
        r"client_cookie 0x[0-9a-f]+, server_cookie 0x[0-9a-f]+, global_seq \d+", lines["SESSION_RECONNECT"]
    )
    crc, banner = crc_mode(Revision.REV1), Banner(supported=1).to_wire()
    said: list[Control] = [
        AuthBadMethod(method=2, result=-13, allowed_methods=(), allowed_modes=(2, 1)),
        CompressionDone(on=True, algorithm=3),
        Keepalive(stamp=Timestamp(seconds=7, nanoseconds=9)),
        SessionReset(full=True),
    ]
    pieces = [bytes(piece) for payload in said for piece in crc.seal(to_frame(payload))]
    torn = bytes(crc.seal(to_frame(said[0]))[0])[:-1]
    packed = FrameCompressor(Algorithm.LZ4, 0).pack(to_frame(said[2]))
    seen = follow([(0, banner), (1, banner), (1, b"".join(pieces) + torn)])
    texts = [event.text for event, _ in frame_lines(seen)]
    assert texts[2:] == [
        "cephx refused with -13; none in secure, crc would do",
        "on yes, algorithm zstd",
        "7.000000009",
        "full yes",
    ]
    assert seen.errors == ("server: it ends in the middle of a frame, 31 bytes after that began",)
    agreed = b"".join(map(bytes, crc.seal(to_frame(CompressionDone(on=True, algorithm=4)))))
    squeezed = follow([(0, banner), (1, banner), (1, agreed + b"".join(map(bytes, crc.seal(packed))))])
    assert list(frame_lines(squeezed))[-1][0].text == "7.000000009 (lz4)"


def test_errors_in_a_ladder_and_on_the_page() -> None:
    crc, banner = crc_mode(Revision.REV1), Banner(supported=1).to_wire()
    bad = b"".join(map(bytes, crc.seal(Frame(99, (b"x",)))))
    seen = follow([(0, banner), (1, banner), (0, bad)])
    (line,) = [line for _, line in ladder_lines(seen) if "ERROR" in line]
    assert len(line) == 92
    assert "ERROR tag 99 is not the tag of a control frame" in line
    assert "ERROR tag 99" in [line for _, line in frame_lines(seen)][-1]
    assert 'class="rung right bad"' in markup(Capture(connections=(seen,)))


@pytest.mark.parametrize("width", [0, 60, 92, 140])
def test_a_ladder(width: int) -> None:
    for connection in CAPTURE.connections:
        lines = list(ladder_lines(connection, width=width))
        assert {len(line) for _, line in lines[2:]} == {max(width, 60)}
        for event, line in lines:
            if event is not None and "ERROR" not in line:
                assert line[13:].startswith("│──" if event.sender is Sender.CLIENT else "│◀──")
                assert line.endswith("──▶│" if event.sender is Sender.CLIENT else "──│")


class Parsed(HTMLParser):
    """The elements of a page, and what may fetch or run anything."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bad: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        if tag in ("script", "link", "img", "iframe", "object", "base", "form", "a"):
            self.bad.append(tag)
        self.bad += [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "style")]


def test_the_page_fetches_and_runs_nothing() -> None:
    parsed = Parsed(markup())
    assert parsed.bad == []
    events = sum(len(each.frames) + len(each.banners) for each in CAPTURE.connections)
    assert parsed.tags.count("time") == events
    assert parsed.tags.count("details") == events + 3
    assert not re.search(r"url\(|@import|https?:", markup())
    assert SAID.secrets[0].hex() not in markup()


def test_many_connections_are_folded() -> None:
    many = replace(CAPTURE, connections=(WHOLE,) * 20)
    assert '<details class="connection" open>' in markup()
    assert '<details class="connection" open>' not in markup(many)
    assert summary(many) == "20 msgr2 connections, 400 frames"
    assert summary(Capture(connections=(WHOLE,))) == "1 msgr2 connection, 20 frames"
    assert "0 msgr2 connections" in markup(Capture(connections=()))


def test_ipv6_and_unknown_numbers_are_shown() -> None:
    assert str(Host(ip_address("::1"), 1)) == "[::1]:1"
    banner = Banner(supported=1 << 40, required=1 << 41).to_wire()
    odd = to_frame(AuthRequest(method=77, modes=(5, 2), payload=b""))
    seen = follow([(0, banner), (1, banner), (0, b"".join(map(bytes, crc_mode(Revision.REV0).seal(odd))))])
    lines = [line for _, line in frame_lines(seen)]
    assert "supports 0x10000000000; requires 0x20000000000" in lines[0]
    assert lines[-1].endswith("77, in 5, secure; 0 bytes")
    assert seen.frames[0].tag == Tag.AUTH_REQUEST.name


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    """A browser."""
    need(browser.missing())
    with browser.browser(tmp_path_factory.mktemp("profile")) as page_:
        yield page_


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page as a file."""
    path = tmp_path / "capture.html"
    path.write_text(markup(), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1200, 700, 380])
@pytest.mark.parametrize("dark", [False, True], ids=["day", "night"])
def test_in_a_browser(opened: browser.Page, file: Path, tmp_path: Path, dark: bool, width: int) -> None:
    opened.open(file, dark=dark, width=width)
    assert opened.look("document.title") == printable(EVIL) + ".pcap"
    assert opened.look("document.scripts.length + document.images.length") == 0
    requested = [each["request"]["url"] for each in opened.told("Network.requestWillBeSent")]
    assert set(requested) <= {file.resolve().as_uri()}
    assert opened.told("Log.entryAdded") == []
    assert opened.told("Runtime.exceptionThrown") == []
    assert opened.look("document.documentElement.scrollWidth") <= width
    background = opened.look("getComputedStyle(document.body).backgroundColor")
    ink = opened.look("getComputedStyle(document.body).color")
    assert contrast(background, ink) > 7
    assert (luminance(background) < 0.1) is dark
    labels = opened.look("[...document.querySelectorAll('.rung .label b')].map(b => getComputedStyle(b).color)")
    assert min(contrast(background, color) for color in set(labels)) > 4.5
    assert len(opened.picture(tmp_path / "page.png").read_bytes()) > 10_000


def test_a_rung_opens(opened: browser.Page, file: Path) -> None:
    opened.open(file)
    rung = "[...document.querySelectorAll('.rung')].find(r => r.textContent.includes('MMonCommand'))"
    assert opened.look(f"{rung}.querySelector('dl').checkVisibility()") is False
    opened.look(f"{rung}.querySelector('summary').click()")
    assert opened.look(f"{rung}.querySelector('dl').checkVisibility()") is True
    fields = opened.look(f"[...{rung}.querySelectorAll('dt')].map(d => [d.innerText, d.nextSibling.innerText])")
    assert ["name", "MMonCommand"] in fields
    assert ["data", "4000"] in fields


def test_arrows_point_to_where_it_goes(opened: browser.Page, file: Path) -> None:
    opened.open(file)
    for way, side in (("right", "borderLeftWidth"), ("left", "borderRightWidth")):
        style = f"getComputedStyle(document.querySelector('.rung.{way} .arrow'), '::before')"
        assert opened.look(f"{style}.{side}") == "9px"


def luminance(color: str) -> float:
    """Return how bright a colour is, from 0 to 1, as the guidelines for accessible pages compute it."""
    parts = [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)
