"""Types and rules. Standard library only, no I/O: everything here is a pure function or a frozen record."""
