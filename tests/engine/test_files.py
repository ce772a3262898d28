"""file: and sql: as consumers where Camel's cases do not reach: deaths, refusals, and mistakes in options."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from integrator.engine import RouteErrors, Services, compile_routes
from integrator.engine.lifecycle import Offer
from integrator.exchange import InvalidRequest, Overloaded
from tests.engine import clock
from tests.engine.helpers import exchange, route, source
from tests.engine.open_ways import OpenWays


def taken(
    site: Path, uri: str, answer: Callable[[Offer], Exception | None], seconds: float = 1.0
) -> list[Offer]:
    """What a consumer offers within some seconds, on a clock that jumps."""
    offers: list[Offer] = []
    routes = compile_routes([source(route("to: mock:a", uri))], Services(ways=OpenWays(site)))

    async def take(offer: Offer) -> Exception | None:
        offers.append(offer)
        return answer(offer)

    async def look() -> None:
        routes.start(take)
        await asyncio.sleep(seconds)
        await routes.stop()

    clock.run(look())
    return offers


def good(_offer: Offer) -> None:
    return None


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def box(tmp_path: Path) -> Path:
    (tmp_path / "box").mkdir()
    return tmp_path / "box"


def test_a_file_is_let_go_only_after_it_was_taken(tmp_path: Path, box: Path) -> None:
    (box / "a.txt").write_text("one")
    there: list[bool] = []

    def answer(offer: Offer) -> None:
        there.append((box / "a.txt").exists())

    taken(tmp_path, "file:box?initialDelay=0&delete=true", answer)
    assert there == [True]
    assert names(box) == set()


def test_the_same_file_has_the_same_key_and_another_one_has_not(tmp_path: Path, box: Path) -> None:
    (box / "a.txt").write_text("one")
    first = taken(tmp_path, "file:box?initialDelay=0&noop=true", good)
    again = taken(tmp_path, "file:box?initialDelay=0&noop=true", good)
    assert len(first) == len(again) == 1
    assert first[0].key == again[0].key
    assert "a.txt" not in (first[0].key or "")
    (box / "a.txt").write_text("longer")
    assert taken(tmp_path, "file:box?initialDelay=0&noop=true", good)[0].key != first[0].key


def test_a_failure_that_may_pass_comes_again_and_a_refusal_does_not(tmp_path: Path, box: Path) -> None:
    (box / "a.txt").write_text("one")
    assert len(taken(tmp_path, "file:box?initialDelay=0&delay=100", lambda _offer: Overloaded(), 1.0)) > 5

    def refuse(offer: Offer) -> Exception:
        offer.refused = True
        return InvalidRequest()

    assert len(taken(tmp_path, "file:box?initialDelay=0&delay=100", refuse, 1.0)) == 1
    assert names(box) == {"a.txt"}
    taken(tmp_path, "file:box?initialDelay=0&delay=100&moveFailed=bad", refuse, 1.0)
    assert names(box) == {"bad/a.txt"}


def test_without_room_the_rest_waits_and_nothing_is_moved_away(tmp_path: Path, box: Path) -> None:
    for name in "abc":
        (box / f"{name}.txt").write_text("one")
    offers = taken(
        tmp_path,
        "file:box?initialDelay=0&delay=100&moveFailed=bad&sortBy=file:name",
        lambda _offer: Overloaded(),
        0.25,
    )
    assert {offer.message.headers["CamelFileName"] for offer in offers} == {"a.txt"}
    assert names(box) == {"a.txt", "b.txt", "c.txt"}
    taken(tmp_path, "file:box?initialDelay=0&preMove=work", lambda _offer: Overloaded(), 0.25)
    assert names(box) == {"a.txt", "b.txt", "c.txt"}


def test_what_a_dead_process_moved_away_comes_back(tmp_path: Path, box: Path) -> None:
    (box / "work").mkdir()
    (box / "work/a.txt").write_text("one")
    offers = taken(tmp_path, "file:box?initialDelay=0&preMove=work&move=../done", good)
    assert [offer.message.headers["CamelFileName"] for offer in offers] == ["work/a.txt"]
    assert names(box) == {"done/a.txt"}


def test_an_idempotent_key_counts_within_one_look(tmp_path: Path, box: Path) -> None:
    (box / "a1.txt").write_text("one")
    (box / "b1.txt").write_text("two")
    offers = taken(tmp_path, "file:box?initialDelay=0&idempotent=true&idempotentKey=${file:size}", good)
    assert len(offers) == 1


def test_a_file_that_grows_is_left(tmp_path: Path, box: Path) -> None:
    (box / "empty.txt").write_text("")
    assert taken(tmp_path, "file:box?initialDelay=0&readLock=changed&readLockCheckInterval=50", good) == []


def test_a_name_that_climbs_up_is_refused(tmp_path: Path, box: Path) -> None:
    routes = compile_routes([source(route("to: file:box"))], Services(ways=OpenWays(tmp_path)))
    made = exchange("x", {"CamelFileName": "a/../../out.txt"})
    clock.run(routes.run("direct:start", made))
    assert isinstance(made.exception, InvalidRequest)
    assert "out.txt" not in made.exception.message
    assert names(tmp_path) == set()
    inside = exchange("x", {"CamelFileName": "a/../b.txt"})
    clock.run(routes.run("direct:start", inside))
    assert names(tmp_path) == {"box/b.txt"}


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("file:box?fileExist=Perhaps", "option-value"),
        ("file:box?fileExist=Move", "missing-option"),
        ("file:box?fileExist=TryRename", "missing-option"),
        ("file:box?fileExist=Append&tempPrefix=x", "option-value"),
        ("file:box?charset=klingon", "option-value"),
        ("file:box?nosuch=1", "unknown-endpoint-option"),
        ("file:../box", "option-value"),
        ("file:box?fileName=${nosuch:1}", "expression"),
        ("sftp:drop/in?password=x", "option-value"),
        ("sftp:drop/in?strictHostKeyChecking=no", "option-value"),
        ("sql:select 1?dataSource=#d&parametersCount=x", "option-type"),
        ("sql:select :#${nosuch:1}?dataSource=#d", "expression"),
        ("sql:select 1?dataSource=#d&outputType=Rows", "option-value"),
        ("sql:select 1?dataSource=#d&outputClass=a.B&nosuch=1", "unknown-endpoint-option"),
    ],
)
def test_mistakes_of_producers(tmp_path: Path, uri: str, rule: str) -> None:
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(route(f"to: '{uri}'"))], Services(ways=OpenWays(tmp_path)))
    assert rule in {problem.rule for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("file:box?readLock=fileLock", "option-value"),
        ("file:box?readLockTimeout=long", "option-type"),
        ("file:box?delay=often", "option-value"),
        ("file:box?include=(", "pattern"),
        ("file:box?maxMessagesPerPoll=many", "option-type"),
        ("file:box?minDepth=deep", "option-type"),
        ("sql:delete from t?dataSource=#d", "option-value"),
        ("sql:select 1?dataSource=#d&expectedUpdateCount=x", "option-type"),
        ("sql:select 1?dataSource=#d&transacted=true", "option-value"),
    ],
)
def test_mistakes_of_consumers(tmp_path: Path, uri: str, rule: str) -> None:
    with pytest.raises(RouteErrors) as caught:
        compile_routes([source(route("to: mock:a", f"'{uri}'"))], Services(ways=OpenWays(tmp_path)))
    assert rule in {problem.rule for problem in caught.value.problems}
