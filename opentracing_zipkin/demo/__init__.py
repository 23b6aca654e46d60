"""The demo: an application of three services, and its traces in the terminal."""
