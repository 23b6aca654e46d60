"""The demo's application: a shop of three services, each in its own process.

Rules: `frontend`, `orders` and `payment` are business; they know `opentracing` and, in the one line that configures it, the
tracer.  `tracing` knows the OpenTracing API, requests and WSGI, never Zipkin.  `serving` knows neither business nor tracing.
"""
