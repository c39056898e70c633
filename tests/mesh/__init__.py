"""Tests of meshes: processes that are nodes."""
