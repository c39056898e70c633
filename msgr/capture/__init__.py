"""Floor 7: captures of the network, read down to messages.

`decode_file` turns a file into a `Capture` of plain values. `Follower` does the same for the bytes of one connection,
from wherever they come, and never raises; `TcpStreams` brings packets into order for it.
"""

from __future__ import annotations

from .decode import decode, decode_file
from .follow import Follower
from .html import page
from .keylog import KeyLog
from .ladder import ladder_lines
from .model import Capture, Fields, SeenBanner, SeenConnection, SeenFrame, Sender, Value
from .packets import Host, TcpPacket, Unreadable, open_packet
from .source import Packet
from .streams import Sink, TcpStreams
from .words import frame_lines, headline

__all__ = [
    "Capture",
    "Fields",
    "Follower",
    "Host",
    "KeyLog",
    "Packet",
    "SeenBanner",
    "SeenConnection",
    "SeenFrame",
    "Sender",
    "Sink",
    "TcpPacket",
    "TcpStreams",
    "Unreadable",
    "Value",
    "decode",
    "decode_file",
    "frame_lines",
    "headline",
    "ladder_lines",
    "open_packet",
    "page",
]
