"""A Kafka consumer without any tracing code; it prints each message."""

from __future__ import annotations

import os

from kafka import KafkaConsumer

consumer = KafkaConsumer("parcels", bootstrap_servers=[os.environ["KAFKA"]], group_id="delivery", auto_offset_reset="earliest")
for message in consumer:
    print(f"delivered {message.value.decode()}", flush=True)
