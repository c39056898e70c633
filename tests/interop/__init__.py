"""Our ends against real daemons."""
