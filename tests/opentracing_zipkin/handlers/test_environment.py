"""Where a process runs, told by the names in its environment and by nothing else there."""

from __future__ import annotations

import json
import os

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.handlers import environment_tags
from opentracing_zipkin.testing import FakeSender

TASK = "0123456789abcdef0123456789abcdef"
PLATFORMS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Kubernetes, its own variables": (
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "shop-7d4b9-x2x4z"},
        {"k8s.pod.name": "shop-7d4b9-x2x4z"},
    ),
    "Kubernetes, the downward API": (
        {
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "HOSTNAME": "h",
            "POD_NAME": "shop-1",
            "POD_NAMESPACE": "prod",
            "NODE_NAME": "n1",
            "POD_UID": "u",
            "CONTAINER_NAME": "web",
        },
        {
            "k8s.pod.name": "shop-1",
            "k8s.namespace.name": "prod",
            "k8s.node.name": "n1",
            "k8s.pod.uid": "u",
            "k8s.container.name": "web",
        },
    ),
    "ECS": (
        {"ECS_CONTAINER_METADATA_URI_V4": f"http://169.254.170.2/v4/{TASK}-1234567890", "AWS_REGION": "eu-west-1"},
        {"cloud.provider": "aws", "cloud.platform": "aws_ecs", "aws.ecs.task.id": TASK, "cloud.region": "eu-west-1"},
    ),
    "ECS, a URL of another shape": (
        {"ECS_CONTAINER_METADATA_URI_V4": "http://user:hunter2@169.254.170.2/v4/secret"},
        {"cloud.provider": "aws", "cloud.platform": "aws_ecs"},
    ),
    "Lambda": (
        {
            "AWS_LAMBDA_FUNCTION_NAME": "resize",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "eu-west-1",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/27/[$LATEST]ab",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "AWS_SESSION_TOKEN": "hunter2",
        },
        {
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "faas.name": "resize",
            "faas.version": "$LATEST",
            "faas.instance": "2026/11/27/[$LATEST]ab",
            "cloud.region": "eu-west-1",
        },
    ),
    "Cloud Run": (
        {"K_SERVICE": "shop", "K_REVISION": "shop-00001", "K_CONFIGURATION": "shop", "PORT": "8080"},
        {
            "cloud.provider": "gcp",
            "cloud.platform": "gcp_cloud_run",
            "faas.name": "shop",
            "faas.version": "shop-00001",
            "gcp.cloud_run.configuration": "shop",
        },
    ),
    "Cloud Run, a job": (
        {"CLOUD_RUN_JOB": "report", "CLOUD_RUN_EXECUTION": "report-x", "CLOUD_RUN_TASK_INDEX": "0"},
        {
            "cloud.provider": "gcp",
            "cloud.platform": "gcp_cloud_run",
            "faas.name": "report",
            "gcp.cloud_run.job.execution": "report-x",
            "gcp.cloud_run.job.task_index": "0",
        },
    ),
    "Azure Container Apps": (
        {"CONTAINER_APP_NAME": "shop", "CONTAINER_APP_REVISION": "shop--1", "CONTAINER_APP_REPLICA_NAME": "shop--1-x"},
        {
            "cloud.provider": "azure",
            "cloud.platform": "azure.container_apps",
            "faas.name": "shop",
            "faas.version": "shop--1",
            "service.instance.id": "shop--1-x",
        },
    ),
    "Azure App Service": (
        {"WEBSITE_SITE_NAME": "shop", "WEBSITE_INSTANCE_ID": "i", "REGION_NAME": "West Europe", "WEBSITE_AUTH_KEY": "hunter2"},
        {"cloud.provider": "azure", "faas.name": "shop", "service.instance.id": "i", "cloud.region": "West Europe"},
    ),
    "Heroku": (
        {"DYNO": "web.1", "HEROKU_RELEASE_VERSION": "v7", "HEROKU_APP_ID": "a", "DATABASE_URL": "postgres://u:hunter2@h"},
        {"cloud.provider": "heroku", "service.instance.id": "web.1", "service.version": "v7", "heroku.app.id": "a"},
    ),
    "Fly": (
        {"FLY_APP_NAME": "shop", "FLY_MACHINE_ID": "m", "FLY_REGION": "ams"},
        {"cloud.provider": "fly", "service.instance.id": "m", "cloud.region": "ams"},
    ),
    "Nomad": (
        {"NOMAD_ALLOC_ID": "a", "NOMAD_JOB_NAME": "shop", "NOMAD_TASK_NAME": "web", "NOMAD_NAMESPACE": "default"},
        {"nomad.alloc.id": "a", "nomad.job.name": "shop", "nomad.task.name": "web", "nomad.namespace": "default"},
    ),
    "nowhere": ({"HOSTNAME": "laptop", "NODE_NAME": "n", "AWS_REGION": "eu", "POD_NAMESPACE": "x", "SECRET": "hunter2"}, {}),
    "what is no name": ({"KUBERNETES_SERVICE_HOST": "x", "POD_NAME": "a\nb", "NODE_NAME": "n" * 256, "POD_NAMESPACE": " "}, {}),
}


@pytest.mark.parametrize("name", PLATFORMS)
def test_the_platforms_names_become_tags(name: str) -> None:
    """The platform's names become tags of OpenTelemetry's conventions, and no other variable is read."""
    environ, expected = PLATFORMS[name]

    assert expected == environment_tags(environ)


def test_the_local_root_has_them_as_default_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `default_tags` they are on the local root only, and cost nothing when a span ends."""
    for variable in list(os.environ):
        if variable not in ("PATH", "HOME"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("POD_NAME", "shop-1")
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, default_tags={**environment_tags(), "version": "1"})
    with tracer.start_span("root") as root, tracer.start_span("child", child_of=root):
        pass
    tracer.close().result(5)
    tags = {span["name"]: span.get("tags", {}) for span in json.loads(sender.bodies[0])}

    assert {"k8s.pod.name": "shop-1", "version": "1"} == tags["root"]
    assert {} == tags["child"]
