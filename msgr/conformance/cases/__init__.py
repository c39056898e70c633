"""All cases; importing this package declares them."""

from __future__ import annotations

from . import (
    client_auth,
    client_banner,
    client_nodes,
    client_sessions,
    client_states,
    client_traffic,
    server_auth,
    server_banner,
    server_cephx,
    server_frames,
    server_ident,
    server_nodes,
    server_secure,
    server_sessions,
    server_states,
    server_traffic,
)

__all__ = [
    "client_auth",
    "client_banner",
    "client_nodes",
    "client_sessions",
    "client_states",
    "client_traffic",
    "server_auth",
    "server_banner",
    "server_cephx",
    "server_frames",
    "server_ident",
    "server_nodes",
    "server_secure",
    "server_sessions",
    "server_states",
    "server_traffic",
]
