"""Concepts of tasks: which document they have, and what asks for it."""

from gcl_spec.tasks.concepts import concepts_of_tasks
from gcl_spec.tasks.task import Item, Task

MODALITIES = ("image", "text", "image+text")
CAT = Item("it-1", "cat.png", "a cat")
DOG = Item("it-2", "dog.png", "a dog")
TWIN = Item("it-3", "dog-2.png", "a dog")  # the dog in another style
FOX = Item("it-4", "fox.png", "a fox")  # nobody asks for it
DOCUMENTS = Task(
    "t2it", (Item("q1", None, "it purrs"),), (CAT, DOG, TWIN, FOX), {"q1": frozenset({"it-1"})}
)
PICTURES = Task(
    "i2i",
    (Item("q1", "my-dog.png"), Item("q2", "whale.png")),
    (Item("i-1", "dog.png"), Item("i-2", "sea.png")),
    {"q1": frozenset({"i-1"}), "q2": frozenset({"i-2"})},
)
TEXTS = Task("i2t", (Item("q9", "my-cat.png"),), (Item("t", None, "a cat"),), {"q9": {"t"}})


def test_queries_ask_for_documents_and_their_parts() -> None:
    cat, dog = concepts_of_tasks([DOCUMENTS, PICTURES, TEXTS], MODALITIES)
    assert cat.parts == {"image": "cat.png", "text": "a cat"}
    assert [query.content[0][1] for query in cat.queries] == ["it purrs", "my-cat.png"]
    assert dog.parts["image"] == "dog.png"  # the first of those that share a text
    assert [query.id for query in dog.queries] == ["q1"]
    assert cat.id != dog.id


def test_texts_in_other_cases_are_one_text() -> None:
    """Two documents of one caption are one concept, and a query in capitals is asked once."""
    pair = (Item("1", "dog.png", "a dog"), Item("2", "other.png", "A  Dog"))
    asks = (Item("q1", None, "it barks"), Item("q2", None, "IT barks"))
    task = Task("t2it", asks, pair, {"q1": frozenset("1"), "q2": frozenset("2")})
    (dog,) = concepts_of_tasks([task], MODALITIES)
    assert dog.parts == {"image": "dog.png", "text": "a dog"}
    assert dog.queries == asks[:1]


def test_a_document_as_each_modality() -> None:
    cat, _ = concepts_of_tasks([DOCUMENTS, PICTURES], MODALITIES)
    assert [cat.document(name).content for name in MODALITIES] == [
        (("image", "cat.png"),),
        (("text", "a cat"),),
        CAT.content,
    ]
    both = Item("", "other.png", "a cat")
    assert [cat.shares(both, name) for name in MODALITIES] == [False, True, True]


def test_tasks_without_documents_have_no_concepts() -> None:
    assert concepts_of_tasks([PICTURES, TEXTS], MODALITIES) == ()
    assert concepts_of_tasks([DOCUMENTS], ("text", "audio")) == ()
