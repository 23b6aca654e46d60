"""Both services in one application: `/orders` calls `/payments` of the service at BENCH_BACK."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# It is only installed in a separate environment.

from __future__ import annotations

import os
import threading
from typing import Any

import requests
from flask import Flask, jsonify, request

from .ways import Switch

switch = Switch()
BACK = os.environ.get("BENCH_BACK", "")

app = Flask(__name__)
_local = threading.local()


def _session() -> requests.Session:
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
        session.trust_env = False
    return session


@app.get("/orders")
def orders() -> Any:
    with switch.way.server("GET", "/orders", request.headers):
        headers: dict[str, str] = {}
        with switch.way.client("GET", "/payments", headers):
            paid = _session().get(BACK + "/payments", headers=headers).json()
        return jsonify(order=7, paid=paid["paid"])


@app.get("/use/<int:number>")
def use(number: int) -> Any:
    switch.use(number)
    return jsonify(number)


@app.get("/payments")
def payments() -> Any:
    with switch.way.server("GET", "/payments", request.headers):
        return jsonify(paid=True)
