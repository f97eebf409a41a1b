"""What runs have brought about, on its way to this machine."""
