"""What the plug-in is made of: the code's own tables, so that it cannot drift from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from msgr import Mode, __version__
from msgr.core.node import EXTENDED_CLIENT, EXTENDED_SERVER
from msgr.core.states import AwaitOwner
from msgr.dissector import FILE_NAME, NAME, plugin, tables
from msgr.dissector.literal import literal
from msgr.dissector.tables import PHASES
from msgr.frame import NodeTag, Tag, tag_name
from msgr.payload import CONTROL, NODE_CONTROL, MessageHeader, PartHeader
from msgr.wire import layout
from tests.capture.packets import captured, pcap
from tests.capture.talk import CLIENT, SERVER, talk

from .sharks import Shark, written

PARTS: Final = Path(__file__).parents[2] / "msgr" / "dissector" / "parts"
LONGEST: Final = 400
WIDEST: Final = 120


def test_every_tag_has_its_layout() -> None:
    found = tables()
    assert found["tags"] == {int(tag): tag.name for tag in (*Tag, *NodeTag)}
    classes: dict[int, Any] = {**CONTROL, **NODE_CONTROL, Tag.MESSAGE: MessageHeader, PartHeader.tag: PartHeader}
    assert {tag: [field["name"] for field in fields] for tag, fields in found["layouts"].items()} == {
        int(tag): [name for name, _ in layout(cls)] for tag, cls in classes.items()
    }


def test_every_tag_has_its_place() -> None:
    """Each state that takes frames has a phase, and so each tag has one, and a sender."""
    known = [pair for table in (EXTENDED_CLIENT, EXTENDED_SERVER) for pair in table.items()]
    taking = {state for state, takes in known if takes and set(takes) != {NodeTag.NODE_REJECT}}
    assert taking - {AwaitOwner} == set(PHASES)  # who waits for its owner takes what AwaitNodeVerdict takes
    found = tables()
    assert set(found["senders"]) == {*Tag, *NodeTag}
    assert set(found["phases"]) == set(found["senders"]) - {NodeTag.NODE_REJECT}  # which may come at any time
    assert {tag for tag, sender in found["senders"].items() if sender == "both"} == {
        *(Tag.HELLO, Tag.AUTH_SIGNATURE, Tag.MESSAGE, Tag.KEEPALIVE2, Tag.KEEPALIVE2_ACK, Tag.ACK),
        *(NodeTag.NODE_HELLO, NodeTag.NODE_REJECT, NodeTag.MESSAGE_PART),
    }
    assert found["senders"][Tag.AUTH_REQUEST] == "client"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (-5, "-5"),
        (Tag.HELLO, "1"),
        ('a"\\\n\u00e9', '"a\\034\\092\\010\\195\\169"'),
        ([1, "x"], '{1, "x"}'),
        ({"a": 1, 2: False, "not a name": {}}, '{a = 1, [2] = false, ["not a name"] = {}}'),
    ],
)
def test_values_as_lua_writes_them(value: object, written: str) -> None:
    assert literal(value) == written


def test_long_tables_are_on_many_lines() -> None:
    text = literal({"one": ["x" * 60, "y" * 60], "two": 2})
    assert text.splitlines() == [
        "{",
        "  one = {",
        '    "' + "x" * 60 + '",',
        '    "' + "y" * 60 + '",',
        "  },",
        "  two = 2,",
        "}",
    ]


def test_it_says_what_it_is() -> None:
    text = plugin()
    assert f'local VERSION = "{__version__}"' in text
    assert text.isascii()
    assert f'Proto("{NAME}"' in text
    assert FILE_NAME in text


def test_the_parts_are_short() -> None:
    for part in PARTS.glob("*.lua"):
        lines = part.read_text("utf-8").splitlines()
        assert len(lines) <= LONGEST, part.name
        assert max(map(len, lines)) <= WIDEST, part.name


@pytest.fixture
def home(desk: Path) -> Path:
    """The home of somebody who has put the plug-in among the others."""
    folder = desk / ".local" / "lib" / "wireshark" / "plugins"
    folder.mkdir(parents=True)
    written(folder / FILE_NAME, plugin())
    return desk


def test_every_field_is_told(shark: Shark, home: Path) -> None:
    """tshark knows each field of each layout by its name, and loads the plug-in without a word."""
    known = set(re.findall(rf"^F\t[^\t]*\t({NAME}\.\S+)\t", shark.report("fields", home=home), re.MULTILINE))
    for tag, fields in tables()["layouts"].items():
        for field in fields:
            assert f"{NAME}.{tag_name(tag).lower()}.{field['name']}" in known
    assert len(known) > 120


def test_its_preferences(shark: Shark, home: Path) -> None:
    """The name of a file and numbers: no secret stands in a command line."""
    told = re.findall(rf"^#?({NAME}\.\S+):", shark.report("currentprefs", home=home), re.MULTILINE)
    assert {*told} == {f"{NAME}.{name}" for name in ("keylog", "check", "longest", "ports")}


def test_a_plug_in_that_does_not_load_is_noticed(shark: Shark, lua: Path, desk: Path) -> None:
    """The other tests rely on it: what Lua complains about is seen."""
    broken = written(desk / "broken.lua", lua.read_text("utf-8") + "\nlocal x = = 1\n")
    with pytest.raises(AssertionError, match=r"broken\.lua"):
        shark.run("-D", plugin=broken)


@pytest.mark.parametrize("place", ["local function take(", "function payload.control(", "function following.met("])
def test_an_error_at_work_is_noticed(shark: Shark, lua: Path, desk: Path, place: str) -> None:
    """They rely on that too."""
    text, count = re.subn(rf"(?m)^( *{re.escape(place)}.*)$", r"\1 error('at work')", lua.read_text("utf-8"))
    assert count == 1
    broken = written(desk / "broken.lua", text)
    capture = written(desk / "capture", pcap(captured(talk(Mode.CRC).pieces, CLIENT, SERVER), 101))
    with pytest.raises(AssertionError, match="at work"):
        shark.frames(capture, plugin=broken)
