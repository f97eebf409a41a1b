"""`python -m reprun` is the same as `reprun`."""

from reprun.cli.main import main

main()
