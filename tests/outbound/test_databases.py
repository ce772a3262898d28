"""Data sources on SQLite and PostgreSQL: values are bound, queries change nothing, refusals hold no values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from integrator.exchange import Overloaded, ProviderUnreachable
from integrator.outbound.databases import Database, open_database
from integrator.outbound.queries import StatementError, pieces, placeholders
from integrator.security.limits import DEFAULT

LIMITS = replace(DEFAULT, rows_per_query=5)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("services"))])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    address = f"sqlite:///{tmp_path}/data.db"
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    made = open_database(address, most=4, limits=LIMITS)
    await made.run("create table t (id integer primary key, name varchar(20), born date)", [], reading=False)
    await made.run("insert into t values (?, ?, ?)", [1, "a", date(2026, 1, 2)], reading=False)
    yield made
    await made.close()


async def test_values_are_bound(database: Database) -> None:
    evil = "x'; drop table t; --"
    await database.run("insert into t (id, name) values (?, ?)", [2, evil], reading=False)
    found = await database.run("select id, name from t where name = ?", [evil], reading=True)
    assert found.columns == ["id", "name"]
    assert [tuple(row) for row in found.rows] == [(2, evil)]


async def test_marks_in_quotes_are_no_marks(database: Database) -> None:
    statement = "select '?', \"name\" /* ? */ from t where id = ? -- ?"
    found = await database.run(statement, [1], reading=True)
    assert [tuple(row) for row in found.rows] == [("?", "a")]
    percent = await database.run("select '100%' from t where name like ?", ["a%"], reading=True)
    assert [tuple(row) for row in percent.rows] == [("100%",)]


async def test_a_query_changes_nothing(database: Database) -> None:
    with pytest.raises(StatementError) as caught:
        await database.run("delete from t", [], reading=True)
    assert caught.value.java_class.endswith("InvalidDataAccessResourceUsageException")
    assert len((await database.run("select * from t", [], reading=True)).rows) == 1


async def test_changes_are_counted(database: Database) -> None:
    done = await database.run("update t set name = ? where id > 0", ["b"], reading=False)
    assert (done.columns, done.changed) == (None, 1)


async def test_a_batch_is_whole_or_nothing(database: Database) -> None:
    insert = "insert into t (id, name) values (?, ?)"
    assert await database.run_many(insert, [[5, "e"], [6, "f"]]) == 2
    with pytest.raises(StatementError) as caught:
        await database.run_many(insert, [[7, "g"], [5, "again"]])
    assert caught.value.java_class == "org.springframework.dao.DuplicateKeyException"
    assert "again" not in str(caught.value)
    left = await database.run("select id from t order by id", [], reading=True)
    assert [row[0] for row in left.rows] == [1, 5, 6]


async def test_what_a_database_refuses_holds_no_values(database: Database) -> None:
    with pytest.raises(StatementError) as caught:
        await database.run("selekt ? from 78051495111", ["78051495111"], reading=False)
    assert caught.value.java_class == "org.springframework.jdbc.BadSqlGrammarException"
    assert "78051495111" not in str(caught.value)


async def test_too_many_rows_are_refused(database: Database) -> None:
    await database.run_many("insert into t (id) values (?)", [[number] for number in range(10, 20)])
    with pytest.raises(Overloaded, match="ask for fewer"):
        await database.run("select * from t", [], reading=True)


async def test_decimals_and_dates_keep_what_they_are(postgres_url: str) -> None:
    made = open_database(postgres_url, most=2, limits=DEFAULT)
    found = await made.run("select 1.50::numeric, date '2026-01-02', null", [], reading=True)
    assert list(found.rows[0]) == [Decimal("1.50"), date(2026, 1, 2), None]
    await made.close()


async def test_an_unreachable_database_is_named_by_no_address() -> None:
    made = open_database("postgresql://someone:secret@127.0.0.1:1/db", most=1, limits=DEFAULT)
    with pytest.raises(ProviderUnreachable) as caught:
        await made.run("select 1", [], reading=True)
    assert "someone" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["mysql://x/y", "sqlite://", "/data.db", "postgresql:///x"])
def test_other_addresses_are_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="write it like that"):
        open_database(endpoint, most=1, limits=DEFAULT)


def test_pieces_make_the_statement_again() -> None:
    for statement in ("a ? 'b''?' \"c?\" -- ?\n?", "'open ?", "/* ? ", "? ?"):
        assert "".join(pieces(statement)) == statement
    assert placeholders("? '?' ?", "%s") == "%s '?' %s"
