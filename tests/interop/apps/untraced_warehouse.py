"""A gRPC service without any tracing code, which sends each article to Kafka; its port is its argument."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=[os.environ["KAFKA"]])


def take(article: bytes, context: grpc.ServicerContext) -> bytes:
    producer.send("parcels", article).get(timeout=20)
    return b"a box of " + article


server = grpc.server(ThreadPoolExecutor(4))
handlers = {"Take": grpc.unary_unary_rpc_method_handler(take)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Warehouse", handlers),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
