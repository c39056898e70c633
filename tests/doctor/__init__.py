"""Tests of the doctor: one patient for each disease."""
