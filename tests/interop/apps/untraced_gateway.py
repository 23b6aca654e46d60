"""A FastAPI gateway without any tracing code; it calls the service at TARGET and responds with its process's id."""

from __future__ import annotations

import os

import fastapi
import fastapi.responses
import httpx

app = fastapi.FastAPI()


@app.get("/slow/{seconds}", response_class=fastapi.responses.PlainTextResponse)
async def slow(seconds: float) -> str:
    async with httpx.AsyncClient(base_url=os.environ["TARGET"]) as client:
        answer = await client.get(f"/delay/{seconds}", params={"key": "secret"})
        answer.raise_for_status()
    return str(os.getpid())
