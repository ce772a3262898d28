"""A journal of millions of records on PostgreSQL, made by the server itself in minutes: for benchmarks.

Leaves and sealed details are of the size the writer makes, tags are the writer's own HMACs of a town of
persons, agents and dossiers with the usual skew: few persons are looked up thousands of times, most once
or twice. Two records an exchange. The details cannot be opened: they are bytes of the right number.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from benchmarks.journal_build import NOW, first, keyring, last
from integrator.journal import tags
from integrator.journal.writer import Journal
from integrator.store import partitions

TABLES = ("record", "details", "tag", "log_entry")
AGENTS, COMMUNES = 20_000, 262
YEARS = 10
BEGIN_US = NOW - YEARS * 31_557_600_000_000
SKEW = 2.2
"""A person's number is PERSONS · u^SKEW, u uniform: the first hundredth gets an eighth of all exchanges."""


@dataclass(frozen=True)
class Town:
    """How many persons there are beside so many records, and the tag of each."""

    persons: int
    make: Callable[[int, str], tags.Tag]

    def niss(self, number: int) -> str:
        """The number of a person: 11 digits."""
        return f"{number:011d}"

    def mac(self, number: int) -> bytes:
        """The tag of a person."""
        return self.make(tags.NISS, self.niss(number))[1]


def town(records: int) -> Town:
    """A town of as many persons as there are exchanges by five: a person is in five exchanges on average."""
    return Town(max(1_000, records // 10), tags.maker(keyring().current("index")))


def generate(url: str, records: int, said: Callable[[str], None]) -> Town:
    """Replace what the migrated database at `url` has by so many records; `said` hears of each step."""
    made = town(records)
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SET work_mem = '256MB'")
        _months(connection)
        back = _without_indexes(connection)
        connection.execute(f"TRUNCATE {', '.join(TABLES)}".encode())
        _persons(connection, made)
        for name, text in _filling(records, made.persons).items():
            said(name)
            connection.execute(text.encode(), prepare=False)
        for text in back:
            said(text[:60])
            connection.execute(text.encode())
        connection.execute("UPDATE log_state SET size = %s, sealed_us = %s", (records, NOW))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}".encode())
        connection.execute("CHECKPOINT")
    return made


def _months(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """The months that a bus would have made over the years, instead of the one partition of an upgrade."""
    for name in partitions.TABLES:
        connection.execute(f"DROP TABLE {name}_old".encode())
        for month in partitions.months(BEGIN_US, 12 * YEARS + 2):
            for text, _ in partitions._making(name, f"{name}_{month.suffix}", month):
                connection.execute(text.encode())


def _without_indexes(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """Drop every index of the tables to fill; the texts that make them again."""
    again = []
    for table in TABLES:
        constraints = connection.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'c')",
            (table,),
        ).fetchall()
        for name, text in constraints:
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
            again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}")
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", (table,)
        ).fetchall()
        for name, text in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
            again.append(str(text))
    return again


def _persons(connection: psycopg.Connection[tuple[object, ...]], made: Town) -> None:
    connection.execute("CREATE TEMP TABLE person (number int PRIMARY KEY, mac bytea) ON COMMIT DROP")
    with connection.cursor().copy("COPY person FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "bytea"])
        for number in range(made.persons):
            copy.write_row((number, made.mac(number)))
    connection.execute("ANALYZE person")


def _filling(records: int, persons: int) -> dict[str, str]:
    """The statements, in order. The columns of `exchange`: n, record ids of both records, person, time."""
    journal = Journal(keyring(), "bench.example/journal")
    before = journal.record("received", first(), now_us=NOW, final=False)
    after = journal.record("completed", last(), now_us=NOW, final=True)
    assert before.details is not None
    assert after.details is not None
    step_us = (NOW - BEGIN_US) // (records // 2)
    exchanges = f"""
    CREATE TEMP TABLE exchange ON COMMIT DROP AS
    SELECT n, begun_us, substring(int8send(begun_us / 1000) FROM 3) || substring(seed FROM 1 FOR 10) AS one,
           substring(int8send(begun_us / 1000 + 9) FROM 3) || substring(seed FROM 11 FOR 10) AS two,
           floor({persons} * power(random(), {SKEW}))::int AS person, random() AS luck, seed
    FROM (SELECT n, {BEGIN_US} + n * {step_us} AS begun_us, sha256(int8send(n)) AS seed
          FROM generate_series(0::bigint, {records // 2 - 1}) n) AS x
    """
    flow = "(ARRAY['person-consult','person-consult','person-consult','family','enterprise','income'])[1 + n % 6]"
    party = f"'municipal/commune-' || floor({COMMUNES} * luck * luck)::int"
    return {
        "exchanges": exchanges,
        "record": _records("one", "received", "false", "NULL", before.leaf, flow, party)
        + " UNION ALL "
        + _records("two", "completed", "true", "'with-data'", after.leaf, flow, party).split("\n", 2)[2],
        "details": f"""INSERT INTO details (record_id, retention, key_id, sealed)
          SELECT one, 'P10Y', 'details-1', decode('{before.details.hex()}', 'hex') FROM exchange UNION ALL
          SELECT two, 'P10Y', 'details-1', decode('{after.details.hex()}', 'hex') FROM exchange""",
        "log_entry": """INSERT INTO log_entry (leaf_index, record_id, leaf_hash)
          SELECT 2 * n, one, sha256(one) FROM exchange UNION ALL
          SELECT 2 * n + 1, two, sha256(two) FROM exchange""",
        "tag": _tags(),
    }


def _records(column: str, kind: str, final: str, outcome: str, leaf: bytes, flow: str, party: str) -> str:
    """Exactly two lines before SELECT, so that a second one can be joined to it."""
    return f"""INSERT INTO record (record_id, exchange_id, process_id, time_us, type, final, flow, party,
      purpose, outcome, leaf, leaf_hash)
    SELECT {column}, substring(seed FROM 17 FOR 16), '\\x{bytes(16).hex()}'::bytea, begun_us, '{kind}', {final},
      {flow}, {party}, 'purpose-' || n % 12, {outcome}, decode('{leaf.hex()}', 'hex'), sha256({column}) FROM exchange"""


def _tags() -> str:
    """Person, agent, dossier and ticket with the first record; ticket and, one in five, a relative with the last."""
    key = keyring().current("index").id
    parts = [
        f"SELECT 0, {tags.NISS}, mac, one, '{key}' FROM exchange JOIN person ON number = person",
        f"SELECT 0, {tags.NISS}, mac, two, '{key}' FROM exchange JOIN person ON number = (person + 1) "
        f"% (SELECT count(*) FROM person) WHERE luck < 0.2",
        f"SELECT 0, {tags.AGENT}, sha256(int8send(floor({AGENTS} * luck * luck)::bigint)), one, '{key}' FROM exchange",
        f"SELECT 0, {tags.DOSSIER}, sha256(int8send(-1 - n / 2)), one, '{key}' FROM exchange",
        f"SELECT 0, {tags.CONSUMER_TICKET}, sha256(seed), one, '{key}' FROM exchange",
        f"SELECT 0, {tags.PROVIDER_TICKET}, sha256(two || seed), two, '{key}' FROM exchange",
    ]
    return "INSERT INTO tag (run, kind, mac, record_id, index_key) " + " UNION ALL ".join(parts)


SIZE = """
SELECT coalesce(sum(pg_relation_size(relid)), pg_relation_size(%(name)s::regclass)) FROM pg_partition_tree(%(name)s)
"""
"""Of a table or index with all its partitions."""


def sizes(url: str) -> dict[str, dict[str, float]]:
    """Bytes a record of each table (heap and out-of-line) and each index."""
    found: dict[str, dict[str, float]] = {}
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM record").fetchone()
        assert row is not None
        records = int(row[0])
        for table in TABLES:
            heap = connection.execute(SIZE.replace("pg_relation", "pg_table"), {"name": table}).fetchone()
            assert heap is not None
            found[table] = {"table": int(heap[0]) / records}
            indexes = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", (table,))
            for (name,) in indexes.fetchall():
                size = connection.execute(SIZE, {"name": name}).fetchone()
                assert size is not None
                found[table][name] = int(size[0]) / records
    return found


def cpu_note() -> str:
    """What else the machine did: its load, so that a reader can judge the times."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
