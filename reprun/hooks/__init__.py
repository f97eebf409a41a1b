"""Hooks: found as git finds them, trusted or not, run with a time limit, put into a repository and taken out again."""
