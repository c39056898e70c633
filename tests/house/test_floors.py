"""What the lower floors must not do. That imports go down is import-linter's affair; see pyproject.toml."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from .source import PACKAGE, Allowed, check, floors, imports, modules

PURE: Final = ("wire", "frame", "payload", "auth", "session", "core")
"""The floors whose behaviour is a function of their inputs."""

BANNED: Final = frozenset({"time", "random", "secrets", "logging", "socket", "anyio", "asyncio", "os"})

READS_BYTES: Final = frozenset({"from_bytes", "unpack", "unpack_from", "iter_unpack"})

ALLOWED_IMPORTS: Final[Allowed] = {
    ("auth/keyring.py", "os"): "it reads and writes the file; what is in it is auth/keyring_text.py's affair",
}

ALLOWED_LAYOUTS: Final[Allowed] = {
    ("auth/cephx/crypto.py", "struct"): "packs the label of a key derivation, which is big-endian and never sent",
    ("capture/packets.py", "struct"): "network byte order, which is not msgr2's: Ethernet, IP, TCP",
    ("capture/packets.py", "unpack"): "the same",
    ("capture/packets.py", "unpack_from"): "the same",
    ("capture/pcap.py", "struct"): "a file's own byte order, which its first word tells",
    ("capture/pcap.py", "unpack"): "the same",
    ("capture/pcapng.py", "struct"): "a file's own byte order, which each section tells",
    ("capture/pcapng.py", "unpack"): "the same",
    ("capture/pcapng.py", "unpack_from"): "the same",
    ("capture/speaker.py", "unpack"): "undoes the compression of a frame",
    ("core/client_session.py", "from_bytes"): "a number out of the dice, not out of a peer's bytes",
    ("session/peer.py", "from_bytes"): "a cookie out of the dice, not out of a peer's bytes",
    ("vectors/frames.py", "unpack"): "undoes the compression of a frame",
    ("payload/banner.py", "from_bytes"): "its length must be known before there is a whole record to decode",
}

IGNORE: Final = re.compile(r"#\s*type:\s*ignore")


def unpackers(tree: ast.AST) -> Iterator[str]:
    """Yield what of a module takes bytes apart by hand."""
    if "struct" in imports(tree):
        yield "struct"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in READS_BYTES:
            yield node.attr


def ignores(source: str) -> Iterator[int]:
    """Yield the lines whose comments tell the type checker to look away."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and IGNORE.match(token.string):
            yield token.start[0]


def test_no_clock_dice_log_or_io() -> None:
    findings = {(path, name) for path, tree in floors(*PURE).items() for name in imports(tree) if name in BANNED}
    check(findings, ALLOWED_IMPORTS)


def test_layouts_are_declared_not_unpacked_by_hand() -> None:
    above: Mapping[str, ast.Module] = {
        path: tree for path, tree in modules().items() if path not in floors("wire", "frame")
    }
    check({(path, what) for path, tree in above.items() for what in unpackers(tree)}, ALLOWED_LAYOUTS)


def test_the_type_checker_is_never_told_to_look_away() -> None:
    sources = {path: (PACKAGE / path).read_text("utf-8") for path in floors(*PURE)}
    check({(path, f"type: ignore in line {line}") for path, text in sources.items() for line in ignores(text)}, {})


@pytest.mark.parametrize(
    "source", ["import os.path", "from os import path", "def f():\n import os", "if TYPE_CHECKING:\n from os import x"]
)
def test_an_import_is_seen(source: str) -> None:
    assert list(imports(ast.parse(source))) == ["os"]


def test_our_own_modules_are_not_mistaken_for_the_library() -> None:
    assert list(imports(ast.parse("from .time import Timestamp\nfrom . import time\nfrom ..wire.time import x"))) == []


def test_unpacking_is_seen() -> None:
    assert list(unpackers(ast.parse("from struct import Struct\nint.from_bytes(b'', 'little')\ns.unpack_from(x)"))) == [
        "struct",
        "from_bytes",
        "unpack_from",
    ]


def test_an_ignore_is_seen_in_comments_only() -> None:
    assert list(ignores('x = "# type: ignore"\ny = 1  # type: ignore[misc]\n')) == [2]
