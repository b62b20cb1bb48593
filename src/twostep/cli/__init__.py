"""The command line: each verb reads its options, runs one flow and prints what came of it.

What a verb needs beside its own options is imported when it runs, so that `twostep --help` answers
at once.
"""
