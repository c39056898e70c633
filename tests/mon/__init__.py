"""Tests of floor 7's client of a cluster."""
