"""What the dev repository remembers of its runs. Git refs are the truth; the rest may be deleted."""
