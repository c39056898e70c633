"""Ceph's msgr2 wire protocol."""

from __future__ import annotations

__version__ = "0.1.0"
