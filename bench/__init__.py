"""Benchmarks: `make bench` prints one JSON object a line. Timings stay out of the tests."""
