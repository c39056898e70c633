"""The sans-IO connection, against itself and against a peer that is played by hand."""
