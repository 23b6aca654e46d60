"""Every parser, fed with whatever bytes: by Hypothesis as part of the tests, by atheris for as long as one likes.

`python -m tests.fuzz --seconds 20` fuzzes each property for so long, guided by coverage.
"""
