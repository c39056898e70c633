"""`msgr conform`, as a user calls it."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .run import ENVIRONMENT, PROGRAM, Msgr

SOME = ("BANNER", "KEEPALIVE-2", "AUTH-25", "FRAME-13")


def test_our_server_conforms(msgr: Msgr, server: str, keyring: Path) -> None:
    """The one that `msgr serve` runs, in all but what only time shows: tests/conformance has that in less time."""
    quick = ("banner", "frames", "secure", "states", "auth", "cephx", "ident", "reconnect", "traffic")
    outcome = msgr("conform", "server", server, *quick, "--keyring", str(keyring), "--json", "--timeout", "5")
    assert outcome.code == 0
    document = outcome.document
    assert document["conforms"] is True
    assert (document["counts"]["fail"], document["counts"]["broken"], document["stale"]) == (0, 0, [])
    assert document["counts"]["pass"] > 250


def test_what_a_person_reads(msgr: Msgr, open_server: str) -> None:
    outcome = msgr("conform", "server", open_server, "KEEPALIVE-2", "CEPHX-1")
    assert outcome.code == 0
    assert "conforms: 5 cases" in outcome.out
    assert "3 pass, 2 skip" in outcome.out
    assert "no key is given" in outcome.out


def test_reports(msgr: Msgr, server: str, keyring: Path, tmp_path: Path) -> None:
    page, suite = tmp_path / "report.html", tmp_path / "report.xml"
    outcome = msgr(
        "conform", "server", server, *SOME, "--keyring", str(keyring), "--html", str(page), "--junit", str(suite)
    )
    assert outcome.code == 0
    assert "KEEPALIVE-2/echoes/zero" in page.read_text("utf-8")
    assert ElementTree.parse(suite).getroot().tag == "testsuites"


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_a_report_that_cannot_be_written_loses_no_judgement(
    msgr: Msgr, open_server: str, tmp_path: Path, option: str
) -> None:
    """It is usage, as 1 would say that a MUST failed; and --json still prints one document."""
    arguments = ("conform", "server", open_server, "BANNER-6/comes-first", option, str(tmp_path / "none" / "report"))
    outcome = msgr(*arguments)
    assert outcome.code == 2
    assert outcome.out.splitlines()[-1].startswith("conforms: 1 case in ")
    assert outcome.err == f"msgr: {arguments[-1]}: No such file or directory\n"
    outcome = msgr(*arguments, "--json")
    assert (outcome.code, outcome.document["conforms"]) == (2, True)
    assert outcome.err == f"msgr: {arguments[-1]}: No such file or directory\n"


def test_a_stale_exception_is_an_error(msgr: Msgr, open_server: str, tmp_path: Path) -> None:
    known = tmp_path / "ours.toml"
    known.write_text(
        '[[exception]]\nrole = "server"\ncases = ["KEEPALIVE-2/echoes/zero"]\nreason = "it was so once"\n', "utf-8"
    )
    outcome = msgr("conform", "server", open_server, "KEEPALIVE-2", "--peer", str(known))
    assert outcome.code == 1
    assert "stale   KEEPALIVE-2/echoes/zero" in outcome.out


def test_a_must_that_fails_is_an_error(msgr: Msgr) -> None:
    """A listener that says nothing at all breaks the first rule."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"v2:127.0.0.1:{listening.getsockname()[1]}"
        outcome = msgr("conform", "server", address, "BANNER-6/comes-first", "--timeout", "0.2", "--json")
    assert outcome.code == 1
    result = outcome.document["results"][0]
    assert (result["verdict"], result["ending"]) == ("fail", "open")


def test_nobody_there(msgr: Msgr) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        outcome = msgr("conform", "server", f"v2:127.0.0.1:{bound.getsockname()[1]}", "--json")
    assert outcome.code == 3
    assert outcome.error["kind"] == "ConnectFailed"


def test_nobody_dials(msgr: Msgr) -> None:
    outcome = msgr("conform", "client", "v2:127.0.0.1:0", "BANNER", "--wait", "0.2")
    assert outcome.code == 3
    assert "nobody dialled" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("server",),
        ("client",),
        ("server", "v2:127.0.0.1:1", "NO-SUCH-RULE"),
        ("server", "--list", "NO-SUCH-RULE"),
        ("server", "v2:127.0.0.1:1", "--peer", "ceph-1"),
        ("server", "v1:127.0.0.1:1"),
        ("peer", "v2:127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_usage(msgr: Msgr, arguments: tuple[str, ...]) -> None:
    assert msgr("conform", *arguments).code == 2


@pytest.mark.parametrize("role", ["server", "client"])
def test_list(msgr: Msgr, role: str) -> None:
    document = msgr("conform", role, "--list", "--json").document
    assert len(document["cases"]) >= 120
    assert all(case["text"] for case in document["cases"])
    assert msgr("conform", role, "--list").out.splitlines()[-1] == f"{len(document['cases'])} cases"
    chosen = msgr("conform", role, "--list", "BANNER-2", "--json").document["cases"]
    assert {case["rule"] for case in chosen} == {"BANNER-2"}


def test_our_command_as_a_client(msgr: Msgr) -> None:
    """`msgr ping`, called again and again, as the client that is judged by a process of its own."""
    with subprocess.Popen(
        [*PROGRAM, "conform", "client", "v2:127.0.0.1:0", "BANNER-3", "AUTH-7", "IDENT-4", "--json"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as judge:
        assert judge.stderr is not None
        ready = next((line for line in judge.stderr if "listening at" in line), "")
        address = ready.split()[-1].removesuffix("/0")
        while judge.poll() is None:
            msgr("ping", address, "--count", "1")
        assert judge.stdout is not None
        document = json.loads(judge.stdout.read())
    assert document["conforms"] is True
    assert document["counts"]["pass"] == len(document["results"]) == 7
    assert ready.startswith("7 connections or more")
