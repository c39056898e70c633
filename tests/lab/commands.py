"""Commands to the monitors by way of the release's own librados, many in one process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .process import Tools

# The process ends without the library's leisurely farewell.
_PROGRAM: Final = """
import json, os, sys
import rados
cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], name="client.admin")
cluster.connect(timeout=20)
for command in json.load(sys.stdin):
    code, output, status = cluster.mon_command(json.dumps(command), b"")
    if code:
        sys.exit("%s: %d %s" % (command, code, status))
    print(json.dumps(json.loads(output) if output.strip() else None), flush=True)
os._exit(0)
"""


def mon_commands(tools: Tools, *commands: Mapping[str, Any]) -> list[Any]:
    """Have the monitors execute commands one after the other; raises LabError at the first that fails."""
    asked = [{"format": "json"} | dict(command) for command in commands]
    printed = tools.run("/usr/bin/python3", "-c", _PROGRAM, stdin=json.dumps(asked).encode())
    return [json.loads(line) for line in printed.splitlines()]
