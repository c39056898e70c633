"""Tests of the accept loop that cannot die, and of its other end, dialling."""
