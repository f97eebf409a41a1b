"""Reads what people write: `reprun.toml` and the configs of runs (YAML, JSON, TOML)."""
