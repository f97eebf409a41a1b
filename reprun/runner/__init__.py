"""What runs on the host: worktrees, the start of a job, its supervision and its record.

Standard library only, Python 3.8 or later, and nothing of the rest of reprun: this folder is sent to other machines as it is.
Requests and answers are plain JSON objects (see `main.handle`); on this machine the same functions are called directly.
"""
