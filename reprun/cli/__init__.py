"""The command line: words in, one command called, its answer rendered. Typer, Rich and exit codes live here and nowhere else."""
