"""Instrumentation of libraries: servers and clients of HTTP, queues, logs and threads.

Rules: these modules know the `opentracing` API only, and the library they are for; each imports that library, so import the one
you need: `from opentracing_zipkin.instrument import flask; flask.install(app)`.
"""
