"""Schedulers: how a prepared run is handed over for execution. Members are pure: a request in, words out."""
