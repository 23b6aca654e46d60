"""The second of three services without any tracing code: FastAPI, which calls the third one with httpx."""

from __future__ import annotations

import os

import fastapi
import fastapi.responses
import httpx

app = fastapi.FastAPI()


@app.post("/orders/{article}", response_class=fastapi.responses.PlainTextResponse)
async def order(article: str) -> str:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{os.environ['PAYMENT']}/charge", json={"article": article})
        answer.raise_for_status()
    return answer.text
