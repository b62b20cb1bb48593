"""The conformance card: every row is a test against a running instance, over HTTP.

`make conformance` starts a demo of its own, walks through the rows and prints the card with a score.
A row that was not run says so.
"""
