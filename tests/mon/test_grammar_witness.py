"""Words of commands mean to us what they mean to the stock tool, whose own parser is the witness here."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msgr.errors import ConfigError
from msgr.mon.grammar import Grammar, Invocation

from ..lab import Cluster

pytestmark = pytest.mark.ceph

ON_PURPOSE: Final = {
    "said twice": "a word takes the place of a value that was named before: the tool drops the named one silently",
    "longest": "a word that a longer command begins with is not a value of a shorter one to us",
    "cut": "with a named value in the middle, the tool sends a command without its last words",
    "named": "the tool chooses among commands by their bare words alone, and refuses some that are whole with names",
}
"""Where we differ from the tool, and why; anything else fails."""

Outcome: TypeAlias = tuple[dict[str, Any], bool] | None
"""The arguments and whether they go to the manager; None where the words are refused."""

PYTHON: Final = "/usr/bin/python3"
WITNESS: Final = Path("/usr/lib/python3/dist-packages/ceph_argparse.py")
ASK: Final = """
import rados, sys
with rados.Rados(conffile=sys.argv[1], name="client.admin") as cluster:
    code, output, status = cluster.mon_command('{"prefix": "get_command_descriptions"}', b"")
sys.stdout.buffer.write(output)
sys.exit(code)
"""

WORDS: Final = [
    "x",
    "a.b",
    "0",
    "1",
    "5",
    "-1",
    "0x10",
    "1.5",
    "osd.0",
    "osd.x",
    "1.a",
    "zz.1",
    "mon",
    "mon.a",
    "client.x",
]
WORDS_MORE: Final = [
    "*",
    "true",
    "false",
    "1,2",
    "10.0.0.1",
    "10.0.0.1:6789/0",
    "::1",
    "a=b",
    "--x",
    "--x=y",
    "",
    "a b",
]
GOOD: Final[dict[str, list[str]]] = {
    "CephBool": ["true", "false", "1", "0", "True"],
    "CephEntityAddr": ["10.0.0.1", "10.0.0.1:3300/7", "::1", "10.0.0.0/24"],
    "CephFloat": ["0", "0.5", "1", "1e2", ".5"],
    "CephIPAddr": ["10.0.0.1", "10.0.0.1:3300", "::1", "[::1]:3"],
    "CephInt": ["0", "1", "7", "0x11", "+2"],
    "CephName": ["osd.0", "mon.a", "mon", "client.x", "osd.*"],
    "CephOsdName": ["0", "osd.3", "*"],
    "CephPgid": ["0.1", "12.ff"],
    "CephUUID": ["6fb2d1a0-7f4b-4f0e-9d3c-0a4f3f1c5b7e", "6fb2d1a07f4b4f0e9d3c0a4f3f1c5b7e"],
}
TEXTS: Final = ["x", "data", "k/1", "a_b", "5", "a,b", "mon", "all", "osd.1"]


@pytest.fixture(scope="module")
def descriptions(ceph_none: Cluster) -> bytes:
    done = subprocess.run([PYTHON, "-c", ASK, str(ceph_none.conf)], capture_output=True, timeout=60, check=True)
    return done.stdout


@cache
def witness() -> Any:
    """The parser of the stock tool, as it is installed; it is only asked."""
    spec = importlib.util.spec_from_file_location("ceph_argparse", WITNESS)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def stock(told: bytes) -> Callable[[Sequence[str]], Outcome]:
    signatures = witness().parse_json_funcsigs(told.decode(), "cli")

    def ask(words: Sequence[str]) -> Outcome:
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                # Only these can win, and the witness is slow: it copies every signature for every question.
                alike = {key: told for key, told in signatures.items() if str(told["sig"][0]) == words[0]}
                found = witness().validate_command(alike, list(words))
            except Exception:  # some of its checks trip over their own words: the tool ends with a traceback
                return None
        if not found:
            return None
        manager = found.get("target") == ("mon-mgr", "")  # not words of a command, but where the tool is to send it
        if manager:
            del found["target"]
        found.pop("poll", None)
        return found, manager

    return ask


def ours(grammar: Grammar) -> Callable[[Sequence[str]], Outcome]:
    def ask(words: Sequence[str]) -> Outcome:
        try:
            invocation: Invocation = grammar.parse(words)
        except ConfigError:
            return None
        return dict(invocation.arguments), invocation.manager

    return ask


def part_words(part: str | dict[str, str]) -> st.SearchStrategy[list[str]]:
    """Words for one part of a signature: mostly good ones."""
    if isinstance(part, str):
        return st.just([part])
    kind = part["type"]
    good = part.get("strings", "").split("|") if kind == "CephChoices" else GOOD.get(kind, TEXTS)
    one = st.sampled_from(good)
    words = st.lists(one, min_size=1, max_size=3 if part.get("n") == "N" else 1)
    flag = "--" + part["name"].replace("_", "-")
    named = one.map(lambda word: [f"{flag}={word}"]) | one.map(lambda word: [flag, word])
    bad = st.sampled_from(WORDS + WORDS_MORE).map(lambda word: [word])
    optional = st.just(list[str]()) if part.get("req", "true").lower() != "true" else words
    return st.one_of(words, words, words, optional, optional, named, bad)


@st.composite
def lines(draw: st.DrawFn, signatures: list[list[Any]]) -> list[str]:
    """A command line: of one signature, sometimes bent."""
    words = [word for part in draw(st.sampled_from(signatures)) for word in draw(part_words(part))]
    bent = draw(st.integers(0, 9))
    if bent == 0 and words:
        del words[draw(st.integers(0, len(words) - 1))]
    elif bent == 1:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(WORDS + WORDS_MORE)))
    return words


def difference(words: Sequence[str], theirs: Outcome, grammar: Grammar, prefixes: set[str]) -> str:
    """Return which of the differences on purpose this is."""
    try:
        mine = grammar.parse(words)
    except ConfigError as error:
        if theirs and theirs[0]["prefix"] not in prefixes:
            return "cut"
        return "said twice" if theirs and "said twice" in str(error) else "refused"
    if theirs and str(mine.arguments["prefix"]).startswith(theirs[0]["prefix"] + " "):
        return "longest"
    return "named" if not theirs and any(word.startswith("--") for word in words) else "other"


def test_generated_lines_mean_the_same(descriptions: bytes) -> None:
    grammar = Grammar.of(descriptions)
    told = json.loads(descriptions)
    signatures = [entry["sig"] for entry in told.values() if not entry["flags"] & 2]
    prefixes = {" ".join(part for part in signature if isinstance(part, str)) for signature in signatures}
    assert len(prefixes) > 300
    ask_stock, ask_ours, taken = stock(descriptions), ours(grammar), list[bool]()

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(lines(signatures))
    def same(words: list[str]) -> None:
        theirs, mine = ask_stock(words), ask_ours(words)
        assert mine == theirs or difference(words, theirs, grammar, prefixes) in ON_PURPOSE, (theirs, mine)
        taken.append(mine is not None)

    same()
    assert 50 < sum(taken) < len(taken) - 25  # enough of both kinds for the comparison to mean something


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "config set mon debug_ms 1",
        "config set mon debug_ms 1 --force",
        "config-key set k v",
        "osd find 0",
        "osd pool create data 8",
        "osd pool create data --size 3",
        "osd pool delete a a --yes-i-really-really-mean-it",
        "osd ok-to-stop 0 1 --max 3",
        "osd down 0 1 2",
        "pg force-recovery 1.0,1.1",
        "fs dump x",
        "osd crush set osd.0 1.0 host=a root=b",
        "osd blocklist add 10.0.0.1 60",
        "osd blocklist ls",
        "mon add b 10.0.0.1",
        "nonsense",
    ],
)
def test_lines_mean_the_same(line: str, descriptions: bytes) -> None:
    words = line.split()
    assert ours(Grammar.of(descriptions))(words) == stock(descriptions)(words)


@pytest.mark.parametrize(
    ("words", "arguments", "reason"),
    [
        (["config-key", "set", "k", "--val="], {"key": "k", "val": ""}, "the tool takes the next word for the value"),
        (["config-key", "set", "k", "--val=a\nb"], {"key": "k", "val": "a\nb"}, "the tool drops all but one line"),
        (["osd", "crush", "set", "5"], {"prior_version": 5}, "the tool hopes for a weight to follow"),
        (["mon", "add", "b", "v2:10.0.0.1:1"], {"name": "b", "addr": "v2:10.0.0.1:1"}, "the tool thinks v2 is IPv6"),
    ],
)
def test_what_we_take_and_the_tool_does_not(
    words: list[str], arguments: dict[str, object], reason: str, descriptions: bytes
) -> None:
    mine = ours(Grammar.of(descriptions))(words)
    assert mine
    assert mine[0] == {"prefix": " ".join(words[: mine[0]["prefix"].count(" ") + 1]), **arguments}
    assert stock(descriptions)(words) != mine, reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("osd reweight 0 nan", "JSON has no such number"),
        ("osd find 1_0", "a number is made of digits"),
        ("osd set-full-ratio 0_1", "a number is made of digits"),
        ("osd pool create x --pg-num=0b11", "a number is decimal, or hexadecimal after 0x"),
        ("osd pool create --pg-num 8 x 9", "a value named before its turn is not replaced"),
    ],
)
def test_what_the_tool_takes_and_we_do_not(line: str, reason: str, descriptions: bytes) -> None:
    words = line.split()
    assert ours(Grammar.of(descriptions))(words) is None
    assert stock(descriptions)(words), reason
