"""`msgr dissector`: a plug-in for Wireshark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..dissector import FILE_NAME, NAME, plugin
from .options import JsonOption
from .report import Report, write_file


def dissector(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write it to this file, or into this directory."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a plug-in for Wireshark and tshark, from version 4.0 on: one Lua file.

    It finds msgr2 on any port by its first bytes, names every frame and field, checks checksums, and decrypts where the
    preference msgr2.keylog names a key log, such as our own connections write where MSGR_KEYLOG names a file:

    tshark -X lua_script:msgr2.lua -o msgr2.keylog:KEYS -r capture.pcapng -Y msgr2
    """
    report = Report(json=json)
    text = plugin()
    path = None if output is None else output / FILE_NAME if output.is_dir() else output
    if path is None:
        report.line(text.rstrip("\n"))
    else:
        write_file(path, [text])
        report.line(f"wrote {path}: tshark -X lua_script:{path} -o {NAME}.keylog:KEYS -r CAPTURE")
    report.document(
        {
            "file": None if path is None else str(path),
            "protocol": NAME,
            "bytes": len(text.encode()),
            "plugin": text if path is None else None,
        }
    )
