"""The command line: each command reads its options, runs one flow and prints the result.

Commands import what they need when they run, so that `twostep --help` answers at once.
"""
