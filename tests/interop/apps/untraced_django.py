"""A Django site in one file, without any tracing code; its view calls another service and responds with its process's id."""

from __future__ import annotations

import os
import sys

import django.conf
import requests
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def buy(request: HttpRequest, article: str) -> HttpResponse:
    requests.get(os.environ["TARGET"], timeout=20).raise_for_status()
    return HttpResponse(str(os.getpid()))


urlpatterns = [path("buy/<str:article>", buy)]
if not django.conf.settings.configured:
    django.conf.settings.configure(DEBUG=True, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
