"""Words of a command line become commands as a daemon described them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.errors import ConfigError, PeerError
from msgr.mon.grammar import LARGEST_DESCRIPTIONS, Grammar


def parameter(name: str, kind: str = "CephString", **told: object) -> dict[str, object]:
    return {"name": name, "type": kind, **told}


def described(*signatures: list[Any], flags: int = 0) -> dict[str, dict[str, Any]]:
    return {f"cmd{index:03}": {"sig": signature, "flags": flags} for index, signature in enumerate(signatures)}


def grammar(*signatures: list[Any], flags: int = 0) -> Grammar:
    return Grammar.of(json.dumps(described(*signatures, flags=flags)).encode())


SOME: Final = grammar(
    ["status"],
    [
        "config",
        "set",
        parameter("who"),
        parameter("name"),
        parameter("value"),
        parameter("force", "CephBool", req=False),
    ],
    ["config-key", "set", parameter("key"), parameter("val", req="false")],
    ["osd", "find", parameter("id", "CephOsdName")],
    ["osd", "rm", parameter("ids", n="N"), parameter("max", "CephInt", range="1|9", req="false")],
    ["osd", "rm", "status"],
    [
        "osd",
        "pool",
        "create",
        parameter("pool", "CephPoolname"),
        parameter("pg_num", "CephInt", range="0", req="false"),
    ],
    ["osd", "pool", "delete", parameter("pool"), parameter("sure", req="false")],
    ["pg", "map", parameter("pgid", "CephPgid")],
    ["pg", parameter("pgid", "CephPgid"), "query"],
    ["mode", parameter("mode", "CephChoices", strings="on|off|--maybe")],
    ["ratio", parameter("ratio", "CephFloat", range="0.0|1.0")],
    ["tag", parameter("tag", goodchars="[A-Za-z0-9-_.]")],
    ["show", parameter("what", req="false"), parameter("wide", "CephBool", req="false", positional="false")],
    ["injectargs", parameter("args", n="N")],
)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("status", {}),
        ("config set mon debug_ms 1", {"who": "mon", "name": "debug_ms", "value": "1"}),
        ("config set mon debug_ms 1 --force", {"who": "mon", "name": "debug_ms", "value": "1", "force": True}),
        ("config set mon debug_ms 1 false", {"who": "mon", "name": "debug_ms", "value": "1", "force": False}),
        ("config set --value 1 --who=mon debug_ms", {"who": "mon", "name": "debug_ms", "value": "1"}),
        ("osd find 3", {"id": 3}),
        ("osd find osd.3", {"id": 3}),
        ("osd find *", {"id": "*"}),
        ("osd rm 1 2,3 --max 4 5", {"ids": ["1", "2,3", "5"], "max": 4}),
        ("osd rm --ids=1,2", {"ids": ["1", "2"]}),
        ("osd pool create data 0x10", {"pool": "data", "pg_num": 16}),
        ("osd pool create data --pg-num=8", {"pool": "data", "pg_num": 8}),
        ("osd pool delete a --force", {"pool": "a", "sure": "--force"}),
        ("osd pool delete a --yes-i-really-mean-it", {"pool": "a", "sure": "--yes-i-really-mean-it"}),
        ("pg map 1.a", {"pgid": "1.a"}),
        ("mode --maybe", {"mode": "--maybe"}),
        ("ratio .5", {"ratio": 0.5}),
        ("tag a-b_c.1", {"tag": "a-b_c.1"}),
        ("show --wide", {"wide": True}),
        ("injectargs --debug_ms=1 --x", {"args": ["--debug_ms=1", "--x"]}),
    ],
)
def test_words_become_arguments(line: str, arguments: dict[str, object]) -> None:
    found = SOME.parse(line.split())
    literal = {key: value for key, value in found.arguments.items() if key != "prefix"}
    assert literal == arguments
    assert [type(value) for value in literal.values()] == [type(arguments[key]) for key in literal]
    assert line.startswith(str(found.arguments["prefix"]))
    assert not found.manager


def test_words_after_a_parameter_belong_to_the_prefix() -> None:
    assert SOME.parse(["pg", "1.0", "query"]).arguments == {"prefix": "pg query", "pgid": "1.0"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("osd find x", "'x' as id, which is an OSD: N or osd.N: osd find <id>"),
        ("osd find", "<id> is missing: osd find <id>"),
        ("osd find 1 2", "nothing takes '2'"),
        ("osd rm status 1", "nothing takes '1': osd rm status"),  # not a removal of an OSD named status
        ("osd rm 1 --max 10", "'--max' as max, which is a whole number from 1 to 9: osd rm <ids>... [<max>]"),
        ("config set mon a b --forse", "no parameter '--forse'"),
        ("config set --who=a --who=b x y", "who is said twice"),
        ("config --who=a set b x y", "who is said twice"),
        ("mode up", "'up' as mode, which is one of on, off, --maybe"),
        ("ratio 2", "a number from 0 to 1"),
        ("ratio nan", "a number from 0 to 1"),
        ("tag a/b", "made of the characters [A-Za-z0-9-_.]"),
        ("show a true", "nothing takes 'true': show [<what>] [--wide]"),
        ("stauts", "did you mean status?"),
        ("osd fnid 0", "did you mean osd find"),
        ("osd pool", "did you mean osd pool delete, or osd pool create"),
        ("", "no command ''"),
    ],
)
def test_what_does_not_fit_is_told(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SOME.parse(line.split())
    assert said in str(caught.value)
    assert "[COMMAND-2]" in str(caught.value)


def test_a_long_word_is_not_repeated_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        SOME.parse(["osd", "find", "s" * 1000])
    assert len(str(caught.value)) < 200


def test_commands_for_the_manager_are_marked() -> None:
    assert grammar(["pg", "stat"], flags=8).parse(["pg", "stat"]).manager


def test_obsolete_commands_are_gone_and_hidden_ones_are_not_suggested() -> None:
    with pytest.raises(ConfigError, match="no command 'old'"):
        grammar(["old"], flags=2).parse(["old"])
    hidden = grammar(["secret"], flags=32)
    assert hidden.parse(["secret"]).arguments == {"prefix": "secret"}
    with pytest.raises(ConfigError) as caught:
        hidden.parse(["secre"])
    assert "did you mean" not in str(caught.value)


def test_of_two_that_fit_the_more_demanding_is_meant() -> None:
    two = grammar(["a", parameter("x", req="false")], ["a", parameter("y")])
    assert two.parse(["a", "1"]).arguments == {"prefix": "a", "y": "1"}
    assert two.parse(["a"]).arguments == {"prefix": "a"}


def test_what_fits_two_alike_is_refused() -> None:
    two = grammar(["a", parameter("x")], ["a", parameter("y", "CephInt")])
    with pytest.raises(ConfigError, match=r"more than one command: a <x>; a <y> \[COMMAND-4\]"):
        two.parse(["a", "1"])
    assert two.parse(["a", "b"]).arguments == {"prefix": "a", "x": "b"}


def test_what_is_new_to_us_takes_any_word() -> None:
    assert grammar(["a", parameter("x", "CephNewType")]).parse(["a", "?"]).arguments["x"] == "?"
    assert grammar(["a", parameter("x", goodchars="(a+)+$")]).parse(["a", "?"]).arguments["x"] == "?"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("CephInt", "-7 0 +2 0xFf 9223372036854775807", "1_0 0b1 010 9223372036854775808 0x ٣"),
        ("CephFloat", "1 .5 1e3 -2.", "inf nan 1_0 1e999 e5"),
        ("CephBool", "true FALSE 0 1", "yes 2"),
        ("CephPgid", "1.0 12.fF", "1 a.1 1.g -1.0"),
        ("CephName", "* mgr mon mon.a osd.1 osd.* client.x mds.b", "osd osd.x osd.-1 foo.a client"),
        ("CephOsdName", "0 osd.1 *", "osd.x -1 mon.1 osd.*"),
        ("CephUUID", "6fb2d1a0-7f4b-4f0e-9d3c-0a4f3f1c5b7e", "6fb2d1a0"),
        ("CephIPAddr", "10.0.0.1 10.0.0.1:80 ::1 [::1]:80 v2:[::1]:3300", "10.0.0 10.0.0.1:99999 [::1 x:1"),
        ("CephEntityAddr", "10.0.0.1:0/123 10.0.0.0/24 [::1]:1/2", "10.0.0.1/x"),
        ("CephFragment", "0x1f/3", "1/2 0x1f"),
    ],
)
def test_each_type_takes_its_own_words(kind: str, good: str, bad: str) -> None:
    one = grammar(["a", parameter("x", kind)])
    for word in good.split():
        assert one.parse(["a", f"--x={word}"]).arguments["x"] is not None
    for word in bad.split():
        with pytest.raises(ConfigError):
            one.parse(["a", f"--x={word}"])


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"a": 1' + b"0" * 5000 + b"}",
        b'{"a": []}',
        b'{"a": {"sig": []}}',
        b'{"a": {"sig": ["x"], "flags": "8"}}',
        json.dumps(described([parameter("x")])).encode(),
        json.dumps(described(["x"] * 129)).encode(),
        json.dumps(described(["x", 5])).encode(),
        json.dumps(described(["x", {"name": "x"}])).encode(),
        json.dumps(described(["x", parameter("y", n="2")])).encode(),
        json.dumps(described(["x", parameter("y"), parameter("y")])).encode(),
        json.dumps(described(["x", parameter("prefix")])).encode(),
        json.dumps(described(["x", parameter("y", "CephInt", range="a|b")])).encode(),
        b" " * (LARGEST_DESCRIPTIONS + 1),
    ],
    ids=range(17),
)
def test_descriptions_that_make_no_sense_are_the_peers_fault(told: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        Grammar.of(told)
    assert caught.value.rule == "COMMAND-1"


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["CephInt", "N", "false"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["sig", "flags", "name", "type", "n", "range", "req", "goodchars"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_whatever_is_told_ends_in_one_of_two_errors(told: dict[str, Any], words: list[str]) -> None:
    with suppress(PeerError, ConfigError):
        assert Grammar.of(json.dumps(told).encode()).parse(words).arguments["prefix"] is not None
