"""Sweeps: from a file to tasks, and from their results to an answer. Pure: no files, no processes, no clock."""
