"""What is relevant to a query, and what it is compared with."""

import pytest

from gcl_spec.evaluate.rules import Rules
from gcl_spec.tasks.item import Item
from gcl_spec.tasks.item_table import ItemStore
from gcl_spec.tasks.task import Task

QUERY = Item("q", text="x")
CANDIDATES = tuple(Item(id, text=id) for id in "abcd")
TASK = Task(
    "t",
    (QUERY,),
    CANDIDATES[:3],
    {"q": frozenset("ab")},
    elsewhere={"q": frozenset("dz")},
    left_out={"q": frozenset("bz")},
    choices={"q": ("a", "b", "a")},
)


@pytest.mark.parametrize("packed", [False, True])
def test_rules_of_the_own_and_of_a_wider_pool(packed: bool) -> None:
    store = ItemStore()
    for line, item in enumerate(CANDIDATES):
        store.add(item.id, line, text=item.text)
    pool = store.since(0) if packed else CANDIDATES
    relevant, competing = Rules(TASK, pool[:3], local=True).of("q")
    assert relevant.tolist() == [True, False, False]
    assert competing.tolist() == [True, False, False]
    relevant, competing = Rules(TASK, pool, local=False).of("q")
    assert relevant.tolist() == [True, False, False, True]
    assert competing.tolist() == [True, False, True, True]
