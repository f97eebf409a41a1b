"""The workflows, each a straight line from request to answer. No printing, no parsing of words, no processes."""
