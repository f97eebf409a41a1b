"""reprun: launch an experiment from a dirty tree, know months later what ran, do it again."""

__version__ = "0.1.0"
