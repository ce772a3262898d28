"""Publishing to RabbitMQ: confirms in a pipeline against waiting for each, in one run.

    python -m benchmarks.broker_publish amqp://guest:guest@127.0.0.1:5672/bench

Both publish the same persistent, mandatory messages to the same quorum queue over one connection
each. Rounds alternate; the table has median, least and most messages a second. `--json` prints data.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import amqp
import kombu

from integrator.broker.messages import CONTENT_ENCODING, CONTENT_TYPE, encode, message_id, queue_name
from integrator.broker.rabbit import RabbitLink, queue_arguments
from integrator.security.limits import DEFAULT
from integrator.store.api import DueDelivery

FLOW = "benchmark"
QUEUE = queue_name(FLOW)


def deliveries(count: int) -> list[DueDelivery]:
    return [DueDelivery(os.urandom(16), FLOW, 0) for _ in range(count)]


def pipelined(link: RabbitLink, items: list[DueDelivery]) -> None:
    """As the publisher does it: at most `publishes_unconfirmed` on the way."""
    underway = 0
    for item in items:
        while underway >= DEFAULT.publishes_unconfirmed:
            underway -= _take(link)
        link.publish(QUEUE, encode(item), message_id(item))
        underway += 1
    while underway:
        underway -= _take(link)


def _take(link: RabbitLink) -> int:
    link.pump()
    outcomes = link.outcomes()
    if any(reason is not None for _, reason in outcomes):
        raise RuntimeError("the broker refused a message")
    return len(outcomes)


def one_by_one(channel: amqp.Channel, items: list[DueDelivery]) -> None:
    """As kombu does it with `confirm_publish`."""
    for item in items:
        message = amqp.Message(
            encode(item),
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
            delivery_mode=2,
            message_id=message_id(item),
        )
        channel.basic_publish(message, exchange="", routing_key=QUEUE, mandatory=True)


def rate(publish: Callable[[list[DueDelivery]], None], count: int) -> tuple[float, float]:
    """(messages a second, CPU milliseconds of this process for 1,000 messages)."""
    items = deliveries(count)
    begun, cpu = time.perf_counter(), time.process_time()
    publish(items)
    return (
        count / (time.perf_counter() - begun),
        (time.process_time() - cpu) * 1e6 / count,
    )


def measure(url: str, rounds: int, count: int) -> dict[str, list[tuple[float, float]]]:
    link = RabbitLink(url, DEFAULT)
    link.open()
    link.declare([QUEUE])
    link.start_publishing()
    with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=queue_arguments(DEFAULT))
        found: dict[str, list[tuple[float, float]]] = {"pipelined confirms": [], "confirm each": []}
        for _ in range(rounds):
            found["pipelined confirms"].append(rate(lambda items: pipelined(link, items), count))
            found["confirm each"].append(rate(lambda items: one_by_one(channel, items), count // 4))
            channel.queue_purge(QUEUE)
        channel.queue_delete(QUEUE)
    link.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.url, options.rounds, options.count)
    table = {
        name: {
            "median": round(statistics.median(rates := [each[0] for each in rounds])),
            "min": round(min(rates)),
            "max": round(max(rates)),
            "cpu_ms_per_1000": round(statistics.median(each[1] for each in rounds), 1),
        }
        for name, rounds in found.items()
    }
    if options.json:
        print(json.dumps(table))
        return
    print(f"{'':20}{'median/s':>10}{'min/s':>10}{'max/s':>10}{'CPU ms/1000':>14}")
    for name, row in table.items():
        print(f"{name:20}{row['median']:>10}{row['min']:>10}{row['max']:>10}{row['cpu_ms_per_1000']:>14}")


if __name__ == "__main__":
    main()
