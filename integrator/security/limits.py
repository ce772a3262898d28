"""Every limit of the bus: one table a security reviewer can read (design, I7)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Named bounds with their unit last. Beyond each the caller gets a clear error, never a crash."""

    # what comes in
    connections: int = 2_000
    request_head_bytes: int = 65_536
    request_body_bytes: int = 1_048_576
    header_value_chars: int = 1_024
    json_depth: int = 64
    json_number_chars: int = 128
    xml_depth: int = 128
    xml_elements: int = 50_000
    xml_attributes_per_element: int = 64
    xml_namespaces_per_element: int = 64
    subjects_per_exchange: int = 1_000

    # what comes back from providers
    answer_body_bytes: int = 8_388_608
    answer_header_bytes: int = 32_768
    rows_per_query: int = 10_000
    files_per_poll: int = 10_000

    # large bodies inside routes: past the first on disk, past the others refused
    spool_memory_bytes: int = 1_048_576
    spool_whole_bytes: int = 67_108_864
    spool_body_bytes: int = 1_073_741_824
    spool_total_bytes: int = 4_294_967_296

    # time
    head_seconds: float = 10.0
    exchange_seconds: float = 30.0
    connect_seconds: float = 3.0
    delivery_seconds: float = 30.0
    drain_seconds: float = 10.0
    confirm_seconds: float = 10.0
    reconnect_seconds: float = 10.0

    # what waits, bounded and answered 503 beyond
    exchanges_in_flight: int = 2_000
    units_waiting: int = 4_096
    units_per_batch: int = 512
    adapter_waiting: int = 512
    deliveries_in_flight: int = 64
    publishes_unconfirmed: int = 1_000
    relay_batch: int = 500
    queue_messages: int = 100_000
    dead_queue_messages: int = 10_000
    queue_message_bytes: int = 1_024
    queue_redeliveries: int = 5
    log_message_chars: int = 2_000

    # groups of messages that are not complete: messages of one group (in memory or not), groups of one step,
    # flow and party, bytes of one group in the database, messages that one step keeps in memory
    aggregation_messages: int = 100_000
    aggregation_groups: int = 10_000
    aggregation_group_bytes: int = 16_777_216
    aggregation_memory_messages: int = 200_000

    # how long things are kept
    message_key_seconds: int = 90 * 86_400
    idempotency_seconds: int = 7 * 86_400
    dead_letter_seconds: int = 30 * 86_400
    relayed_stale_seconds: int = 60


DEFAULT = Limits()
