"""Tasks: one content an id, and pools of several tasks."""

from dataclasses import replace

import pytest

from gapped_space import I2T, T2I, gapped
from gcl_spec.errors import DataError
from gcl_spec.evaluate.evaluation import evaluate
from gcl_spec.evaluate.examples import examples
from gcl_spec.tasks.item_table import ItemStore, ItemTable
from gcl_spec.tasks.task import Item, Task, answerable, answers, one_content_an_id, union_pool


def test_pool_needs_one_content_an_id() -> None:
    qrels = {query.id: frozenset({"i-ant"}) for query in T2I.queries}
    other = Task("other", T2I.queries, (Item("i-ant", "bee.png"),), qrels)
    with pytest.raises(DataError, match="'i-ant' has another content"):
        union_pool([T2I, other])
    with pytest.raises(DataError, match="no task"):
        evaluate(gapped(1.0), [])


def test_tasks_that_number_their_items_alike_have_one_pool() -> None:
    def numbered(task: Task) -> Task:
        names = {item.id: str(n) for n, item in enumerate(task.candidates)}
        candidates = tuple(item.renamed(names[item.id]) for item in task.candidates)
        qrels = {q: frozenset(map(names.__getitem__, found)) for q, found in task.qrels.items()}
        return replace(task, candidates=candidates, qrels=qrels)

    again = replace(T2I, name="again")
    one = evaluate(gapped(0.5, 0.3), [T2I, I2T, again])
    two = evaluate(gapped(0.5, 0.3), [numbered(T2I), numbered(I2T), numbered(again)])
    assert one == two
    assert [result.candidates for result in two.results] == [4, 8, 4, 8, 4, 8]
    shown = examples(gapped(0.5), [numbered(T2I), numbered(I2T)])
    assert [example.relevant for example in shown] == [
        example.relevant for example in examples(gapped(0.5), [T2I, I2T])
    ]


def test_a_query_needs_a_relevant_candidate_somewhere_or_says_that_it_has_none() -> None:
    query, candidate = Item("q", text="a"), Item("c", text="b")
    nothing: dict[str, frozenset[str]] = {"q": frozenset()}
    with pytest.raises(DataError, match="query 'q' needs relevant candidates"):
        Task("t", (query,), (candidate,), nothing)
    Task("t", (query,), (candidate,), nothing, elsewhere={"q": frozenset({"d"})})
    Task("t", (query,), (candidate,), nothing, unjudged=frozenset({"q"}))


def test_pools_in_arrays_are_joined_as_others_are() -> None:
    store = ItemStore()
    for line, id in enumerate("abc"):
        store.add(id, f"f:{line}", text=id)
    table, qrels = store.since(0), {"q": frozenset({"b"})}
    tasks = [Task(str(n), (Item("q", text="x"),), table[n : n + 2], qrels) for n in range(2)]
    assert one_content_an_id(tasks) == tuple(tasks)
    assert union_pool(tasks) == table
    assert union_pool([replace(tasks[0], union=table)]) == table
    with pytest.raises(DataError, match="share an id"):
        replace(tasks[0], candidates=ItemTable(store, table.rows_N[[0, 1, 1]]))


def test_what_a_task_says_of_candidates_follows_their_new_names() -> None:
    def task(name: str, text: str) -> Task:
        return Task(
            name,
            (Item("q", text="x"),),
            (Item("1", text=text), Item("2", text="same")),
            {"q": frozenset({"1"})},
            grades={"q": {"1": 2.0}},
            left_out={"q": frozenset({"2"})},
            choices={"q": ("1", "2")},
            elsewhere={"q": frozenset({"9"})},
        )

    first, _ = one_content_an_id([task("a", "one"), task("b", "another")])
    assert first.qrels == {"q": {"a/1"}}
    assert first.grades == {"q": {"a/1": 2.0}}
    assert first.left_out == {"q": {"2"}}
    assert first.choices == {"q": ("a/1", "2")}
    assert first.elsewhere == {"q": {"9"}}


def test_answers_are_those_of_the_own_pool_in_the_order_of_ids() -> None:
    asks = (Item("q1", None, "ant"), Item("q2", None, "bee"))
    found = {"q1": frozenset({"i-cat", "i-ant"}), "q2": frozenset()}
    task = Task("t", asks, T2I.candidates, found, elsewhere={"q2": frozenset({"far"})})
    assert [(query.id, right.id) for query, right in answers(task)] == [
        ("q1", "i-ant"),
        ("q1", "i-cat"),
    ]


def test_a_model_of_images_sees_the_frames_of_videos_and_one_of_videos_itself() -> None:
    found = Item("c", video="c.mp4")
    task = Task("edits", (Item("q", text="red", video="q.mp4"),), (found,), {"q": frozenset("c")})
    for names in (("image", "text", "image+text"), ("video", "text", "text+video")):
        assert answerable([task], names) == ((task,), ())
    with pytest.raises(DataError, match=r"asks for text\+video, of which"):
        answerable([task], ["image", "text"])
