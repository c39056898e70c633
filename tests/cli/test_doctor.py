"""`msgr doctor`: what it prints, and its exit codes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from msgr import Interconnect, Keyring, Messenger, Node, Policy, ReverseCheck

from .run import Msgr

NAMES = [
    *("resolve", "connect", "banner", "hello", "auth", "ident", "round_trip", "path_size"),
    *("reverse_path", "backlog", "close_wait"),
]


@contextmanager
def mesh_node(keyring: Path) -> Iterator[str]:
    """Run a node that dials everybody back before it lets him in; yields its address."""

    @asynccontextmanager
    async def running() -> AsyncIterator[str]:
        messenger = Messenger(
            "client.admin",
            auth=Keyring.load(keyring),
            policy=Policy.stateless_server(),
            listen="v2:127.0.0.1:0",
            interconnect=Interconnect(node=Node(id=3, cluster="mesh"), reverse_check=ReverseCheck()),
        )
        async with messenger:
            yield str(messenger.listening[0])

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running()) as address:
        yield address


def checks(document: dict[str, object]) -> dict[str, bool | None]:
    """Return what a document says of each check, after looking at its keys."""
    assert list(document) == ["address", "checks"]
    listed = document["checks"]
    assert isinstance(listed, list)
    assert all(list(each) == ["name", "ok", "detail"] for each in listed)
    assert [each["name"] for each in listed] == NAMES
    return {each["name"]: each["ok"] for each in listed}


def test_a_healthy_server(msgr: Msgr, server: str, keyring: Path) -> None:
    done = msgr("doctor", server, "--keyring", str(keyring), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document["address"] == server
    found = checks(done.document)
    assert {name for name, ok in found.items() if ok is None} <= {"reverse_path", "backlog", "close_wait"}
    assert False not in found.values()


def test_it_is_for_people_too(msgr: Msgr, server: str, other_keyring: Path) -> None:
    done = msgr("doctor", server, "--keyring", str(other_keyring))
    assert (done.code, done.err) == (1, "")
    *lines, empty, verdict = done.out.splitlines()
    assert [line[:21].split() for line in lines] == [
        *(["ok", name] for name in ("resolve", "connect", "banner", "hello")),
        *(["WRONG", "auth"], ["-", "ident"], ["-", "round", "trip"], ["ok", "path", "size"]),
        *(["-", "reverse", "path"], ["ok", "backlog"], ["ok", "close", "wait"]),
    ]
    assert empty == ""
    assert verdict.startswith("The peer refuses the proof of client.admin: ")


def test_modes_and_revisions(msgr: Msgr, server: str, old_server: str, keyring: Path) -> None:
    done = msgr("doctor", server, "--keyring", str(keyring), "--mode", "crc", "--json")
    assert (done.code, checks(done.document)["auth"]) == (1, False)
    done = msgr("doctor", old_server, "--keyring", str(keyring), "--mode", "crc", "--json")
    assert (done.code, checks(done.document)["banner"]) == (1, False)
    options = ("--mode", "crc", "--revision", "2.0")
    done = msgr("doctor", old_server, "--keyring", str(keyring), *options, "--json")
    assert (done.code, checks(done.document)["round_trip"]) == (0, True)


def test_without_a_keyring(msgr: Msgr, server: str, open_server: str) -> None:
    done = msgr("doctor", server, "--json")
    assert (done.code, checks(done.document)["round_trip"]) == (0, None)
    done = msgr("doctor", open_server, "--json")
    assert (done.code, checks(done.document)["round_trip"]) == (0, True)


def test_nobody_is_there(msgr: Msgr) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        done = msgr("doctor", f"v2:127.0.0.1:{bound.getsockname()[1]}", "--json")
    assert (done.code, done.err) == (3, "")
    found = checks(done.document)
    assert (found["connect"], found["banner"]) == (False, None)


def test_nobody_accepts(msgr: Msgr) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        done = msgr("doctor", f"v2:127.0.0.1:{listening.getsockname()[1]}", "--timeout", "0.3")
    assert done.code == 1
    assert "the peer says nothing: nothing more within 0.3 s" in done.out
    if Path("/proc/net/tcp").exists():
        assert done.out.splitlines()[-1].startswith("The daemon on this host does not accept connections: ")


def test_a_node_of_a_mesh(msgr: Msgr, keyring: Path) -> None:
    """What is asked of a node: the way back, and how much it can send; demand 5."""
    with mesh_node(keyring) as address:
        done = msgr("doctor", address, "--keyring", str(keyring), "--reverse", "v2:127.0.0.1:0", "--json")
        assert (done.code, checks(done.document)["reverse_path"]) == (0, True)
        details = {each["name"]: each["detail"] for each in done.document["checks"]}
        assert details["path_size"].endswith("and 60,000 on the way down")
        assert "the msgr extension" in msgr("probe", address).out
        foreign = msgr("doctor", address, "--keyring", str(keyring), "--cluster", "foreign")
        assert (foreign.code, foreign.err) == (1, "")
        assert any("the peer says: " in line and "'mesh'" in line for line in foreign.out.splitlines())
        assert foreign.out.splitlines()[-1].startswith("The peer does not let our node in, and says why: ")


def test_an_address_that_is_not_ours(msgr: Msgr, server: str) -> None:
    done = msgr("doctor", server, "--reverse", "v2:192.0.2.1:1", "--json")
    assert (done.code, done.error["kind"]) == (2, "ConfigError")


def test_usage(msgr: Msgr, server: str, tmp_path: Path) -> None:
    assert msgr("doctor", "127.0.0.1:1", "--json").code == 2
    done = msgr("doctor", server, "--keyring", str(tmp_path / "none"), "--json")
    assert (done.code, done.error["kind"]) == (2, "KeyringError")
    assert msgr("doctor", server, "--name", "nobody", "--json").code == 2
    assert msgr("doctor", server, "--timeout", "0").code == 2
