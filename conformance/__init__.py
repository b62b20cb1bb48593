"""The conformance card: each row is asked by the tests that carry its mark.

`make conformance` runs them and prints the card with a score. A row that was not run says so.
"""
