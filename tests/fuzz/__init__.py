"""All parsers with any bytes as input: with Hypothesis as part of the tests, with atheris for as long as one likes.

`python -m tests.fuzz --seconds 20` fuzzes each property for 20 seconds, guided by coverage.
"""
