"""The data of a run: training batches by step number, and its evaluation tasks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gcl_spec._typing import FloatArray
from gcl_spec.backend import Trainer
from gcl_spec.batch import Batch
from gcl_spec.config.options import Config
from gcl_spec.config.toml import objective
from gcl_spec.data.features.store import FeatureStore
from gcl_spec.data.formats.vectors import VectorCollator, VectorSource
from gcl_spec.data.open import data_root, source_of
from gcl_spec.data.prepare.collate import Collate, Collator
from gcl_spec.data.root import Root, open_root
from gcl_spec.data.sample import BadSample, Sample
from gcl_spec.data.source import Source, row_of
from gcl_spec.embed.encode import encode
from gcl_spec.errors import ConfigError
from gcl_spec.evaluate.calibrations.rows import Encode
from gcl_spec.evaluate.evaluation import Report, evaluate
from gcl_spec.evaluate.trec_folder import Watch
from gcl_spec.loss.two_sided import target_name
from gcl_spec.objective import given_names
from gcl_spec.progress import Quiet, Reporter
from gcl_spec.run.bad_samples import BadList
from gcl_spec.run.loaded import LoadedRun, encode_items
from gcl_spec.run.videos import has_video
from gcl_spec.tasks.folder import has_tasks, read_tasks
from gcl_spec.tasks.held_out import VectorPictures, hold_out
from gcl_spec.tasks.task import Item, Task, answerable, columns_of
from gcl_spec.train.feed import fingerprint
from gcl_spec.train.feed.batches import BatchMaker, Made, check_batch, open_maker
from gcl_spec.train.feed.order import Order
from gcl_spec.train.feed.prefetch import Prefetcher

__all__ = ["TrainingData", "task_items"]


class TrainingData:
    """The data that a run reads: batches by step, and the tasks of its evaluation.

    The outputs of frozen towers are computed first, or taken from the cache. Data without tasks/ is
    evaluated on the starter set's tasks, and vectors on tasks of some that are held out. With
    pictures to decode, `data.workers` make the batches of coming steps ahead; `close` ends them.

    Args:
        config: all options.
        trainer: computes the outputs of frozen towers.
        reporter: hears of damaged data and of progress.
        only_steps: how many steps will be asked for, without an evaluation; all when not given.
        rank, size: the place of this process and their number; `batch` gives its share.
        known: a file of what `noted` gave to the run that is resumed.
    """

    def __init__(
        self,
        config: Config,
        trainer: Trainer,
        reporter: Reporter,
        *,
        only_steps: int | None = None,
        rank: int = 0,
        size: int = 1,
        known: Path | None = None,
    ) -> None:
        self._config = config
        self._objective = objective(config.objective, config.model.modalities)
        self._ranks = (rank, size)
        self._source: Source = source_of(config)
        self._all = self._source
        if known is not None:
            fingerprint.check_same(known, self._all)
        for warning in self._source.warnings:
            reporter.say(f"warning: {warning}")
        self.tests: tuple[Task, ...] = ()
        self._validations: tuple[Task, ...] = ()
        self._collate: Collate
        self._test_collate: Collate
        self.test_root: Root
        if isinstance(self._source, VectorSource):
            self._open_vectors(self._source)
        else:
            self._open_files(only_steps is None, reporter)
        self._say_notes(reporter)
        count, train = len(self._source), config.train
        self.order = Order(count, train.batch_size, train.seed)
        self._bad = BadList(config.data.max_bad, count, self._still_bad)
        self._knows_bad = False
        if isinstance(self._collate, Collator) and config.model.caches_towers:
            self._prepare(trainer, reporter, only_steps)
        self._prefetcher = self._open_prefetcher(train.steps if only_steps is None else only_steps)

    def batch(self, step: int) -> Batch:
        """The batch of step `step`, from 0, or this process's share, from config and data alone.

        Raises:
            DataError: there are too many bad samples.
            NoPairError: no sample has both sides of a direction.
        """
        batch, bad = self._make(step) if self._prefetcher is None else self._prefetcher.get(step)
        self._bad.add(step, bad)
        if not self._knows_bad:
            met = (step + 1) * self.order.batch_size
            self._bad.judge(step, met=met, whole=step + 1 >= self.order.steps_per_epoch)
        # This is checked here, not in the loss alone, which would have to wait for a GPU's values.
        if self._ranks[1] == 1:
            check_batch(batch, self._objective)
        return batch

    def list_bad(self, path: Path) -> None:
        """List bad samples in a file from now on, those that are known already among them."""
        self._bad.open(path)

    def noted(self) -> str:
        """The text from which a resumed run tells whether its data has changed."""
        return fingerprint.noted(self._all)

    def close(self) -> None:
        """End the workers."""
        if self._prefetcher is not None:
            self._prefetcher.close()

    def __enter__(self) -> "TrainingData":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def describe(self, step: int) -> str:
        """The samples of step `step`, from 0, by name, and the file that they are in."""
        numbers, _ = self.order.batch(step)
        rows = [row_of(self._source, int(n)) for n in numbers[:3]]
        names = [
            repr(row.id or row.place if isinstance(row, BadSample) else row.id) for row in rows
        ]
        rest = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
        return f"samples {', '.join(names)}{rest} of {self._source.name}"

    def test_report(self, encode: Encode, reporter: Reporter, watch: Watch | None = None) -> Report:
        """The evaluation on the test tasks (`gcl_spec.evaluate.evaluation.evaluate`)."""
        reporter.update("evaluation", 0, 1)
        report = evaluate(encode, self.tests, watch=watch)
        reporter.update("evaluation", 1, 1)
        return report

    def validation_report(self, trainer: Trainer) -> Report:
        """The evaluation on the validation tasks."""
        return evaluate(self.encode_items(trainer), self._validations)

    def encode_items(self, trainer: Trainer) -> Callable[[Sequence[Item]], FloatArray]:
        """A function from N items of the test tasks to unit rows (N, D)."""

        def run(items: Sequence[Item]) -> FloatArray:
            if any(map(has_video, items)):
                model = LoadedRun(self._config, 0, trainer)
                return encode_items(model, self.test_root, items, Quiet())
            size = self._config.eval.batch_size
            return encode(trainer, self._test_collate, columns_of(items), batch_size=size)

        return run

    def _say_notes(self, reporter: Reporter) -> None:
        tasks = (*self.tests, *self._validations)
        for note in (*self._all.notes, *(note for task in tasks for note in task.notes)):
            reporter.say(f"note: {note}")

    def _open_vectors(self, source: VectorSource) -> None:
        if self._config.eval.tasks != "tasks":
            raise ConfigError(
                f"eval.tasks = {self._config.eval.tasks!r}: vectors have no validation "
                "tasks beside those that are held out"
            )
        self._source, self.tests = hold_out(
            source, self._config.data.holdout, self._config.model.modalities
        )
        self._validations = self.tests if self._config.train.eval_every else ()
        self._collate = self._test_collate = VectorCollator(source)
        self.test_root = VectorPictures(source)

    def _open_files(self, evaluates: bool, reporter: Reporter) -> None:
        config = self._config
        root = data_root(config.data.path)
        own = any(has_tasks(root, name) for name in ("tasks", config.eval.tasks))
        self.test_root = root if own else open_root("starter")
        self._collate = Collator(config, self._source)
        self._test_collate = Collator(config, self.test_root)
        if evaluates:
            if self.test_root is not root:
                more = "; eval.tasks=val_tasks evaluates on its val_tasks/"
                more = more if has_tasks(root, "val_tasks") else ""
                reporter.say(
                    f"note: {root.name} has no tasks/; evaluated on the starter set's{more}"
                )
            tasks = read_tasks(self.test_root, config.eval.tasks)
            self.tests = self._answerable(tasks, reporter)
        if evaluates and config.train.eval_every:
            tasks = read_tasks(self.test_root, "val_tasks")
            self._validations = self._answerable(tasks, reporter)

    def _answerable(self, tasks: Sequence[Task], reporter: Reporter) -> tuple[Task, ...]:
        """The tasks whose items the model gives embeddings of; the reporter hears of the others."""
        kept, notes = answerable(tasks, self._config.model.modalities)
        for note in notes:
            reporter.say(f"note: {note}")
        return kept

    def _open_prefetcher(self, steps: int) -> Prefetcher[Made] | None:
        """The maker of coming batches; None where rows in memory are all that a batch needs."""
        rank, size = self._ranks
        given = given_names(self._config.model.modalities)
        parts = (self._source, self.order)
        more: dict[str, Any] = {"rank": rank, "size": size, "objective": self._objective}
        self._make = BatchMaker(*parts, self._collate, given, **more)
        data = self._config.data
        if not isinstance(self._collate, Collator) or data.workers == 0:
            return None
        if data.workers_kind == "process":
            setup: Callable[[], BatchMaker] = partial(open_maker, self._config, rank, size)
        else:
            collate = Collator(self._config, self._source, threads=1)
            maker = BatchMaker(*parts, collate, given, **more)
            setup = partial(_same, maker)
        return Prefetcher(
            setup, workers=data.workers, ahead=data.prefetch, stop=steps, kind=data.workers_kind
        )

    def _prepare(self, trainer: Trainer, reporter: Reporter, only_steps: int | None) -> None:
        assert isinstance(self._collate, Collator)
        numbers = list(self._numbers(only_steps))
        rows = [row_of(self._source, n) for n in numbers]
        samples = [row for row in rows if isinstance(row, Sample)]
        unreadable: dict[str, str] = {}
        store = FeatureStore(self._config, self._collate, trainer.features)
        given = given_names(self._config.model.modalities)
        parts = {
            name: [
                x for s in samples for n in (name, target_name(name)) for x in s.given.get(n, ())
            ]
            for name in given
        }
        store.prepare(parts, reporter, bad=unreadable)
        self._collate = store
        self._note(numbers, rows, unreadable)
        every = task_items((*self.tests, *self._validations))
        items = [item for item in every if not has_video(item)]
        if not items:
            return
        assert isinstance(self._test_collate, Collator)
        tests = FeatureStore(self._config, self._test_collate, trainer.features)
        self._test_collate = tests
        tests.prepare(columns_of(items), reporter)

    def _numbers(self, only_steps: int | None) -> Iterator[int]:
        """The numbers of the samples that will be met."""
        if only_steps is None:
            yield from range(len(self._source))
            return
        seen = (n for step in range(only_steps) for n in self.order.batch(step)[0].tolist())
        yield from dict.fromkeys(seen)

    def _still_bad(self, step: int, bad: BadSample) -> bool:
        numbers = self.order.batch(step)[0].tolist()
        return any(self._make.bad(n) for n in numbers if self._source.place(n) == bad.place)

    def _note(
        self, numbers: list[int], rows: list[Sample | BadSample], unreadable: dict[str, str]
    ) -> None:
        """Note all bad samples, which are known before the first step, and judge them at once."""
        for n, row in zip(numbers, rows, strict=True):
            if isinstance(row, BadSample):
                self._bad.add(0, [row])
            elif reasons := [unreadable[x] for x in row.all_files if x in unreadable]:
                self._bad.add(0, [BadSample(row.id, self._source.place(n), reasons[0])])
        self._bad.judge(0, met=len(numbers), whole=len(numbers) == len(self._source))
        self._knows_bad = True


def _same(maker: BatchMaker) -> BatchMaker:
    return maker


def task_items(tasks: Sequence[Task]) -> list[Item]:
    """All queries and candidates of tasks."""
    return [item for task in tasks for item in (*task.queries, *task.candidates)]
