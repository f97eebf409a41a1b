"""The dev repository: found, snapshotted and read, never changed but for objects and `refs/reprun/`."""
