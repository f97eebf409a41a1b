"""Preflight: what can be known to be wrong before the start. Each check is one file; see docs/how-to/add-a-preflight-check.md."""
