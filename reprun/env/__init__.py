"""Environments: what a run's packages are. For now the kind `system`: the interpreter in use, captured, not made."""
