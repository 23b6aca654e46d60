"""A Django site: `python -m tests.integration.apps.served.django_site runserver`; its view answers with its span's id."""

from __future__ import annotations

import sys

import django.conf
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

import opentracing

from . import IMPORT, configure_at

configure_at(IMPORT)


def index(request: HttpRequest) -> HttpResponse:
    with opentracing.tracer.start_active_span("get") as active:
        return HttpResponse(str(getattr(active.span.context, "span_id", None)))


urlpatterns = [path("", index)]
if not django.conf.settings.configured:
    django.conf.settings.configure(
        DEBUG=True,
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="x",
        WSGI_APPLICATION=f"{__package__}.django_site.application",
    )
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
