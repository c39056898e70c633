"""The plug-in for Wireshark, as two releases of tshark run it."""
