r"""The text of ceph.conf, as Ceph's own tools read it (CONF-1, CONF-2).

::

    [global]
        mon host = [v2:10.0.0.1:3300]     ; a comment, as after #
        log file = /var/log/\
    ceph.log

A section's head begins its line, and blanks before it are refused. In an option's name blanks and underscores are the
same, dashes are not. A value may stand in double or single quotes, which do not keep the blanks at its ends. `\` takes
the next character as it is and joins two lines, but joins none within quotes. Outside of an escape `#` and `;` begin a
comment even within quotes: the tools refuse such a value, and so do we. A text without any head is one line, of
`[global]`. Other than the tools we take a last line without its end, and text beyond ASCII, which makes some of them
abort.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from ..errors import ConfigError

Sections: TypeAlias = Mapping[str, Mapping[str, str]]
"""The options of each section by their names with underscores; the last of equal names is there."""

# Each part takes what it can and gives nothing back, so that the work does not grow faster than the text.
_END: Final = r"(?:\r\n|[\r\n])"
_SKIP: Final = rf"(?:\\{_END}|[ \t]*+[#;][^\r\n]*+)*+"
_ESCAPED: Final = rf"\\(?:{_END}|[^\r\n])"
_LINE_ENDS: Final = rf"(?:{_SKIP}[ \t]*+{_END})++"

_LEAD: Final = re.compile(rf"(?:{_SKIP}{_END})*+")
_BRACKET: Final = re.compile(rf"{_SKIP}\[")
_HEAD: Final = re.compile(rf"{_SKIP}\[((?:{_ESCAPED}|[^\]#;\\\r\n])++)\]{_LINE_ENDS}")
_KEY: Final = re.compile(r"[ \t]*+((?:\\[^\r\n]|[^=\[#;\\\r\n])++)=")
_GAP: Final = re.compile(rf"{_SKIP}[ \t]*+{_SKIP}")
_BARE: Final = re.compile(rf"((?:{_ESCAPED}|[^#;\\\r\n])*+){_LINE_ENDS}")
_QUOTED: Final = {
    quote: re.compile(rf"{quote}((?:\\[^\r\n]|[^{quote}#;\\\r\n])*+){quote}{_LINE_ENDS}") for quote in ('"', "'")
}
_TAIL: Final = re.compile(_SKIP)

_ESCAPE: Final = re.compile(rf"\\(?:{_END}|([^\r\n]))")
_SPACES: Final = " \t\n\v\f\r"
_RUN_OF_SPACES: Final = re.compile(rf"[{_SPACES}]+")


def option_name(written: str) -> str:
    """Return the name of an option as `Sections` have it."""
    return _RUN_OF_SPACES.sub("_", written.strip(_SPACES))


def parse(text: str) -> Sections:
    """Return the sections of a ceph.conf; raises ConfigError, which names the line and what belongs there (CONF-1)."""
    if not text.endswith(("\n", "\r")):
        text += "\n"
    sections: dict[str, dict[str, str]] = {}
    if key := _KEY.match(text):
        value, position = _value(text, key.end())
        sections["global"] = {option_name(key[1]): value}
    else:
        position = _end(_LEAD, text, 0)
        while head := _HEAD.match(text, position):
            section, position = sections.setdefault(_plain(head[1]), {}), head.end()
            while not _BRACKET.match(text, position) and (key := _KEY.match(text, position)):
                section[option_name(key[1])], position = _value(text, key.end())
    position = _end(_TAIL, text, position)
    if text[position:].strip("\r\n"):
        alone = "" if sections else "the first "
        _fail(text, position, f"{alone}[SECTION] where the line begins, or OPTION = VALUE in a section")
    return sections


def _value(text: str, position: int) -> tuple[str, int]:
    """Return the value that begins at `position`, and the position of the next line with something on it."""
    position = _end(_GAP, text, position)
    value = _QUOTED.get(text[position : position + 1], _BARE).match(text, position)
    if value is None:  # it stays unsaid: it may be a key
        _fail(text, position, "the end of a value: quotes close in the same line, with no bare # or ; in them")
    return _plain(value[1]).strip(_SPACES), value.end()


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _plain(written: str) -> str:
    return _ESCAPE.sub(lambda match: match[1] or "", written)


def _fail(text: str, position: int, expected: str) -> NoReturn:
    line = len(re.findall(_END, text[:position])) + 1
    raise ConfigError(f"line {line}: expected {expected} [CONF-1]")
