"""Both services in one application: `/orders` calls `/payments` of the service at BENCH_BACK."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# It is only installed in a separate environment.

from __future__ import annotations

import os
from typing import Any

import httpx
from fastapi import FastAPI, Request

from .ways import Switch

switch = Switch()
BACK = os.environ.get("BENCH_BACK", "")

app = FastAPI()
client = httpx.AsyncClient(trust_env=False)


@app.get("/orders")
async def orders(request: Request) -> dict[str, Any]:
    with switch.way.server("GET", "/orders", request.headers):
        headers: dict[str, str] = {}
        with switch.way.client("GET", "/payments", headers):
            paid = (await client.get(BACK + "/payments", headers=headers)).json()
        return {"order": 7, "paid": paid["paid"]}


@app.get("/use/{number}")
async def use(number: int) -> int:
    switch.use(number)
    return number


@app.get("/payments")
async def payments(request: Request) -> dict[str, Any]:
    with switch.way.server("GET", "/payments", request.headers):
        return {"paid": True}
