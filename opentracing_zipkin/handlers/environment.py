"""Tags that say where this process runs, from environment variables: names of pods, tasks, revisions and instances.

Rules: only the variables in the table are read, so no secret is read.  No request is made.  Keys are those of OpenTelemetry's
semantic conventions where there is one.  A platform's variables are read only if one of its marker variables is set, because a
variable such as `HOSTNAME` has another meaning elsewhere.
Source: the platforms' documentation of their environment; OpenTelemetry, "Resource Semantic Conventions".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["environment_tags"]

MAX_VALUE_CHARS = 255


class _Platform(NamedTuple):
    """`names`: for each tag, the variables that may have its value; the first that is set counts."""

    markers: tuple[str, ...]
    constants: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]


_PLATFORMS = (
    _Platform(
        ("KUBERNETES_SERVICE_HOST", "POD_NAME", "K8S_POD_NAME"),
        {},
        {
            "k8s.pod.name": ("POD_NAME", "K8S_POD_NAME", "MY_POD_NAME", "HOSTNAME"),
            "k8s.pod.uid": ("POD_UID", "K8S_POD_UID", "MY_POD_UID"),
            "k8s.namespace.name": ("POD_NAMESPACE", "K8S_NAMESPACE", "MY_POD_NAMESPACE"),
            "k8s.node.name": ("NODE_NAME", "K8S_NODE_NAME", "MY_NODE_NAME"),
            "k8s.container.name": ("CONTAINER_NAME", "K8S_CONTAINER_NAME"),
        },
    ),
    _Platform(
        ("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"),
        {"cloud.provider": "aws", "cloud.platform": "aws_ecs"},
        {
            "aws.ecs.task.id": ("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"),
            "cloud.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        },
    ),
    _Platform(
        ("AWS_LAMBDA_FUNCTION_NAME",),
        {"cloud.provider": "aws", "cloud.platform": "aws_lambda"},
        {
            "faas.name": ("AWS_LAMBDA_FUNCTION_NAME",),
            "faas.version": ("AWS_LAMBDA_FUNCTION_VERSION",),
            "faas.instance": ("AWS_LAMBDA_LOG_STREAM_NAME",),
            "cloud.region": ("AWS_REGION",),
        },
    ),
    _Platform(
        ("K_SERVICE",),
        {"cloud.provider": "gcp", "cloud.platform": "gcp_cloud_run"},
        {
            "faas.name": ("K_SERVICE",),
            "faas.version": ("K_REVISION",),
            "gcp.cloud_run.configuration": ("K_CONFIGURATION",),
        },
    ),
    _Platform(
        ("CLOUD_RUN_JOB",),
        {"cloud.provider": "gcp", "cloud.platform": "gcp_cloud_run"},
        {
            "faas.name": ("CLOUD_RUN_JOB",),
            "gcp.cloud_run.job.execution": ("CLOUD_RUN_EXECUTION",),
            "gcp.cloud_run.job.task_index": ("CLOUD_RUN_TASK_INDEX",),
        },
    ),
    _Platform(
        ("CONTAINER_APP_NAME",),
        {"cloud.provider": "azure", "cloud.platform": "azure.container_apps"},
        {
            "faas.name": ("CONTAINER_APP_NAME",),
            "faas.version": ("CONTAINER_APP_REVISION",),
            "service.instance.id": ("CONTAINER_APP_REPLICA_NAME",),
        },
    ),
    _Platform(
        ("WEBSITE_SITE_NAME",),
        {"cloud.provider": "azure"},
        {
            "faas.name": ("WEBSITE_SITE_NAME",),
            "service.instance.id": ("WEBSITE_INSTANCE_ID",),
            "cloud.region": ("REGION_NAME",),
        },
    ),
    _Platform(
        ("DYNO",),
        {"cloud.provider": "heroku"},
        {"service.instance.id": ("DYNO",), "service.version": ("HEROKU_RELEASE_VERSION",), "heroku.app.id": ("HEROKU_APP_ID",)},
    ),
    _Platform(
        ("FLY_APP_NAME",),
        {"cloud.provider": "fly"},
        {"service.instance.id": ("FLY_MACHINE_ID", "FLY_ALLOC_ID"), "cloud.region": ("FLY_REGION",)},
    ),
    _Platform(
        ("NOMAD_ALLOC_ID",),
        {},
        {
            "nomad.alloc.id": ("NOMAD_ALLOC_ID",),
            "nomad.job.name": ("NOMAD_JOB_NAME",),
            "nomad.task.name": ("NOMAD_TASK_NAME",),
            "nomad.namespace": ("NOMAD_NAMESPACE",),
        },
    ),
)

# The variable is a URL with the task's id: http://169.254.170.2/v4/<task>-<number of the container>.
_TASK = re.compile(r"https?://[^/@?#]+/v\d/([0-9a-f]{32})(?:-\d{1,10})?/?")


def environment_tags(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Tags that say where this process runs, for `default_tags`; `environ` replaces the process's environment."""
    environment = os.environ if environ is None else environ
    tags: dict[str, str] = {}
    for platform in _PLATFORMS:
        if any(environment.get(marker) for marker in platform.markers):
            named = {tag: _value(tag, environment, variables) for tag, variables in platform.names.items()}
            for tag, value in {**platform.constants, **named}.items():
                if value:
                    tags.setdefault(tag, value)
    return tags


def _value(tag: str, environment: Mapping[str, str], variables: tuple[str, ...]) -> str:
    """The value of the first set variable; "" if none is set, or if the value cannot be a name."""
    text = next((environment[variable].strip() for variable in variables if environment.get(variable)), "")
    if tag == "aws.ecs.task.id":
        found = _TASK.fullmatch(text)
        return found[1] if found else ""
    return text if len(text) <= MAX_VALUE_CHARS and text.isprintable() else ""
