"""`msgr mesh`: processes that are nodes, renamed while they talk (demands 9, 40, 42, 50)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from msgr.cli import mesh as command
from msgr.mesh import Figures, NodeFigures, Plan
from tests.house.readme import README, Block, commands

from .run import ENVIRONMENT, LIMIT, PROGRAM, Msgr

KEYS = ["nodes", "sessions", "sent", "delivered", "undelivered", "unknown", "lost", "rejected", "shares"]


@pytest.mark.slow
def test_a_cluster_is_renamed_while_its_nodes_talk(msgr: Msgr) -> None:
    done = msgr("mesh", "--nodes", "3", "--seconds", "4", "--roll", "--seed", "5", "--json")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert list(found) == KEYS
    assert (found["nodes"], found["sessions"]) == (3, 3)
    assert found["sent"] == found["delivered"] > 1000
    assert [found[key] for key in ("undelivered", "unknown", "lost", "rejected")] == [0, 0, 0, 1]
    for share in found["shares"].values():
        assert share["measured"] == pytest.approx(share["quota"], rel=0.1)


@pytest.mark.slow
def test_it_is_for_people_too(msgr: Msgr) -> None:
    """A stranger is refused, and both ends say why."""
    done = msgr("mesh", "--nodes", "2", "--seconds", "1")
    assert (done.code, done.err) == (0, "")
    assert "1     before   2 " in done.out
    assert "sessions             1  (of 1 pairs)" in done.out
    refused = [line for line in done.out.splitlines() if "[NODE-3]" in line]
    assert len(refused) == 2
    assert all("permanent" in line for line in refused)


@pytest.mark.parametrize("arguments", [("--nodes", "1"), ("--seconds", "0"), ("--role",)])
def test_arguments_that_cannot_be(msgr: Msgr, arguments: tuple[str, ...]) -> None:
    assert msgr("mesh", *arguments).code == 2


def test_a_fault_is_the_exit_code(msgr: Msgr, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ran(plan: Plan, look: object) -> Figures:
        return Figures(plan=plan, nodes=[NodeFigures(node=1, cluster="before", sent=2, received=1)], volume={})

    monkeypatch.setattr(command, "run", ran)
    done = msgr("mesh", "--json")
    assert done.code == 1
    assert list(done.document) == KEYS
    assert done.document["lost"] == 1
    assert "1 messages lost" in done.err


@pytest.mark.slow
def test_readme_shows_what_is_printed(msgr: Msgr) -> None:
    found = re.search(r"^```console mesh\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    (command,) = commands(Block("console", 0, found[1]))
    done = msgr(*command.words())
    assert done.code == 0, done.err
    assert command.missing(done.out) == [], done.out


@pytest.mark.slow
def test_ctrl_c_leaves_no_process() -> None:
    with subprocess.Popen(
        [*PROGRAM, "mesh", "--nodes", "2", "--seconds", "60", "--json"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            workers: set[int] = set()
            while len(workers) < 2:
                workers = _children(process.pid)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=LIMIT)
            assert process.returncode == 130
        finally:
            process.kill()
    assert '"KeyboardInterrupt"' in out
    assert "Traceback" not in err
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def _children(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}
