"""README.md keeps its word: its Python runs, and its commands print what it shows."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .readme import README, Block, Command, blocks, commands, marked
from .source import ROOT

TEXT = README.read_text("utf-8") if README.exists() else ""
PYTHON = blocks(TEXT, "python")
CONSOLE = [
    pytest.param(command, id=f"line-{block.line}-{command.line}")
    for block in blocks(TEXT, "console")
    for command in commands(block)
    if command.is_ours
]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a directory that looks like the project's, where a sample may leave files."""
    for name in ("README.md", "spec", "vectors"):
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def test_there_is_a_readme() -> None:
    assert README.exists(), "README.md is missing"


@pytest.mark.parametrize("mark", ["demo", "test"])
def test_the_commands_of_the_ci_are_marked(mark: str) -> None:
    command = marked(TEXT, mark)
    assert command, f"README.md has no fenced block below <!-- {mark} -->"
    assert "python3 -m venv .venv" in command


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_runs(block: Block) -> None:
    padded = "\n" * (block.line - 1) + block.text  # tracebacks then tell README's line
    code = compile(padded, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {"__name__": "__main__"}
    if code.co_flags & inspect.CO_COROUTINE:

        async def main() -> None:
            await eval(code, names)

        asyncio.run(main())
    else:
        exec(code, names)


@pytest.mark.slow
@pytest.mark.parametrize("command", CONSOLE)
def test_console_shows_what_is_printed(command: Command) -> None:
    program = shutil.which("msgr", path=str(Path(sys.executable).parent))
    assert program, "msgr is not installed beside this Python: pip install -e '.[test]'"
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [program, *command.words()],
        env=os.environ | plain,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert command.missing(done.stdout) == [], done.stdout


def test_blocks_are_found() -> None:
    text = "a\n```python\nx = 1\n```\n```sh\nls\n```\n```python no\n```\n"
    assert blocks(text, "python") == [Block("python", 3, "x = 1\n")]
    assert marked("<!-- test -->\n```sh\nls\n```\n", "test") == "ls\n"
    assert marked("<!-- test -->\nls\n", "test") is None


def test_commands_and_output_are_taken_apart() -> None:
    block = Block("console", 1, "$ msgr a \\\n  'b c'  # why\none\n...\nat 7\n\nlast\n$ ls\n")
    ours, other = commands(block)
    assert (ours.is_ours, other.is_ours) == (True, False)
    assert ours.words() == ["a", "b c"]
    assert ours.missing("zero\none\nat 8\nlast\n") == []
    assert ours.missing("last\none\n") == ["last"]
    assert ours.missing("one\nlasting\n") == ["last"]
