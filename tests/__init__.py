"""The tests of msgr; `python -m tests` runs them with everything else that is checked."""
