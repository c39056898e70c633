"""What peers and users of a cluster wrote does not steer the terminal of whoever reads it."""

from __future__ import annotations

import pytest

from msgr import EntityName
from msgr.cli.mon import _show
from msgr.cli.report import Failure, Report
from msgr.cli.watchlog import _line
from msgr.errors import PeerError
from msgr.mon import Level, LogEntry, Result
from msgr.mon.messages import EntityInstance
from msgr.wire import Timestamp

STEERING = "\x1b[2Jred\x07\u202e"
SHOWN = "\\x1b[2Jred\\x07\\u202e"


def test_an_error() -> None:
    assert Failure.of(PeerError(f"says {STEERING}", rule="TEST-1")).message == f"says {SHOWN} [TEST-1]"


def test_a_line_of_the_log() -> None:
    name = EntityName.parse("mon.a")
    entry = LogEntry(
        name=name,
        instance=EntityInstance(type=name.type, number=0),
        addresses=(),
        stamp=Timestamp(),
        seq=1,
        level=Level.INFO,
        text=STEERING,
        channel=STEERING,
    )
    assert _line(entry).endswith(f" mon.a ({SHOWN}) [INF] {SHOWN}")


@pytest.mark.parametrize(("code", "said"), [(0, SHOWN), (-22, f"msgr: the command failed with -22: {SHOWN}")])
def test_the_status_of_a_command(capsys: pytest.CaptureFixture[str], code: int, said: str) -> None:
    _show(Result(code, STEERING, b""), None, Report(json=False))
    assert capsys.readouterr().err == f"{said}\n"
