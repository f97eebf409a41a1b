"""Hosts: where requests to the runner are answered. A member does I/O and knows nothing of what is asked."""
