"""A script that runs uvicorn itself: `python -m tests.integration.apps.served.script PORT`."""

from __future__ import annotations

import sys

import uvicorn

from .asgi import application

if __name__ == "__main__":
    uvicorn.run(application, port=int(sys.argv[1]))
