"""Damaged and hostile files of every kind that unbraid reads: `python -m tests.fuzz --help`."""
