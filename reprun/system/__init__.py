"""The only place, beside the runner, that starts processes, writes files and reads the clock."""
