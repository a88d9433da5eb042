"""The data of a run: training batches by step number, and its evaluation tasks."""

from collections.abc import Callable, Sequence

import numpy as np

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Trainer
from gcl_spec.batch import MODALITIES, Batch, presence
from gcl_spec.benchmarks.folder import read_tasks
from gcl_spec.benchmarks.task import Item, Task
from gcl_spec.checks import check_pairs
from gcl_spec.config import Config
from gcl_spec.config_io import objective
from gcl_spec.data.collate import Collate, Collator
from gcl_spec.data.features import FeatureStore
from gcl_spec.data.order import Order, share
from gcl_spec.data.pairs import Sample, class_ids, read_samples
from gcl_spec.data.root import open_root
from gcl_spec.encoder import encode
from gcl_spec.evaluate import Report, evaluate
from gcl_spec.progress import Reporter
from gcl_spec.world import world_of

__all__ = ["TrainingData", "task_items"]

_TRAIN = "train.jsonl"


class TrainingData:
    """What a run reads. With frozen towers their outputs are computed first, or taken from cache.

    A folder of data without tasks/ is evaluated on the starter set's tasks.
    """

    def __init__(
        self,
        config: Config,
        trainer: Trainer,
        reporter: Reporter,
        *,
        only_steps: int | None = None,
    ) -> None:
        self._config = config
        self._world = world_of(trainer)
        self._objective = objective(config.objective)
        self._root = open_root(config.data.path)
        self._samples = read_samples(self._root, _TRAIN)
        self.order = Order(len(self._samples), config.train.batch_size, config.train.seed)
        tested = self._root if self._root.folders("tasks") else open_root("starter")
        self.test_root = tested
        self._collator = Collator(config, self._root)
        self._test_collator = Collator(config, tested)
        self.tests: tuple[Task, ...] = ()
        self._validations: tuple[Task, ...] = ()
        if only_steps is None:
            self.tests = read_tasks(tested, "tasks")
            self._validations = read_tasks(tested, "val_tasks") if config.train.eval_every else ()
        self._collate: Collate = self._collator
        self._test_collate: Collate = self._test_collator
        if config.model.caches_towers:
            self._prepare(trainer, reporter, only_steps)

    def batch(self, step: int) -> Batch:
        """The batch of step `step`, from 0: a function of the config alone.

        Of several processes each gets its share of that batch, with the ids of the whole.

        Raises:
            DataError: an unreadable picture. NoPairError: no sample has what a direction needs.
        """
        chosen, captions = self._draw(step)
        images = [sample.image for sample in chosen]
        present = presence(*(np.asarray([x is not None for x in y]) for y in (images, captions)))
        # Here and not in the loss alone, which on a GPU would have to wait for the values.
        check_pairs(self._objective, dict(zip(MODALITIES, present, strict=True)), np)
        ids = class_ids([sample.concept for sample in chosen], captions)
        own = share(len(chosen), self._world.rank, self._world.size)
        return self._collate(images[own], captions[own], ids[own])

    def describe(self, step: int) -> str:
        """The samples of step `step`, from 0, by name, and the file that they are in."""
        names = [repr(sample.id) for sample in self._draw(step)[0]]
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"samples {', '.join(names[:3])}{rest} of {self._root.name}: {_TRAIN}"

    def test_report(self, trainer: Trainer, reporter: Reporter) -> Report:
        """Evaluation on the test tasks."""
        reporter.update("evaluation", 0, 1)
        report = evaluate(self.encode_items(trainer), self.tests)
        reporter.update("evaluation", 1, 1)
        return report

    def validation_report(self, trainer: Trainer) -> Report:
        """Evaluation on the validation tasks."""
        return evaluate(self.encode_items(trainer), self._validations)

    def encode_items(self, trainer: Trainer) -> Callable[[Sequence[Item]], FloatArray]:
        """Items of the test tasks to unit rows."""

        def run(items: Sequence[Item]) -> FloatArray:
            images, texts = [i.image for i in items], [i.text for i in items]
            size = self._config.eval.batch_size
            return encode(trainer, self._test_collate, images, texts, batch_size=size)

        return run

    def _draw(self, step: int) -> tuple[list[Sample], list[str | None]]:
        numbers, draws = self.order.batch(step)
        chosen = [self._samples[n] for n in numbers]
        captions = [
            sample.captions[draw % len(sample.captions)] if sample.captions else None
            for sample, draw in zip(chosen, draws, strict=True)
        ]
        return chosen, captions

    def _prepare(self, trainer: Trainer, reporter: Reporter, only_steps: int | None) -> None:
        if only_steps is None:
            samples: Sequence[Sample] = self._samples
        else:
            samples = [sample for step in range(only_steps) for sample in self._draw(step)[0]]
        store = FeatureStore(self._config, self._collator, trainer.features)
        store.prepare(
            [s.image for s in samples if s.image is not None],
            [caption for s in samples for caption in s.captions],
            reporter,
        )
        self._collate = self._test_collate = store
        items = task_items((*self.tests, *self._validations))
        if not items:
            return
        if self.test_root is not self._root:
            store = FeatureStore(self._config, self._test_collator, trainer.features)
            self._test_collate = store
        store.prepare(*parts_of(items), reporter)


def task_items(tasks: Sequence[Task]) -> list[Item]:
    """All queries and candidates."""
    return [item for task in tasks for item in (*task.queries, *task.candidates)]


def parts_of(items: Sequence[Item]) -> tuple[list[str], list[str]]:
    """The images and the texts of items."""
    images = [item.image for item in items if item.image is not None]
    return images, [item.text for item in items if item.text is not None]
