"""The options of a run: these dataclasses are the one list of them.

A recipe or TOML file has one table a section; `--set section.key=VALUE` overrides one key.
Reading and writing are in `gcl_spec.config.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gcl_spec.objective import Fuse, name_parts

__all__ = [
    "ColumnsConfig",
    "Config",
    "DataConfig",
    "EvalConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimConfig",
    "TrainConfig",
]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The towers and what comes after them."""

    kind: Literal["lite", "clip", "vista", "adapter"] = "lite"
    """lite: EfficientNet-Lite0, MiniLM and heads; clip, vista: a checkpoint; adapter: heads."""
    modalities: tuple[str, ...] = ("image", "text", "image+text")
    """Embeddings that the model gives; "a+b" is that of a and b together, made as `fuse` says."""
    path: str = ""
    """A folder or hub id (NAME@REVISION) of a checkpoint; clip: tiny is a new small one."""
    text_path: str = ""
    """vista: a folder or hub id of its text encoder's tokenizer; empty: in or beside `path`."""
    width: int = 256
    """Width of the embeddings."""
    hidden: int = 1024
    """Width of the hidden layer of each projection head."""
    fuse: Fuse = "raw"
    """image+text: sum of projections, of unit rows, weighted or centred ones; joint: vista's."""
    frames: int = 15
    """How many frames of a video are seen, of stretches of equal length; CoVR's 15."""
    pool: Literal["mean", "attention"] = "mean"
    """A video's row from its frames': their mean, or weighted by a learned attention."""
    freeze: Literal["none", "image", "text", "both"] = "both"
    """Towers that are not trained; lite computes outputs of two frozen towers once and caches."""
    lora: int = 0
    """clip on torch: rank of the LoRA matrices, which alone are then trained; 0: none."""
    image_vector: int = 0
    """adapter: width of the image vectors; 0: read from the data."""
    text_vector: int = 0
    """adapter: width of the text vectors; 0: read from the data."""
    vectors: Mapping[str, int] = field(default_factory=dict)
    """adapter: widths of the vectors of further modalities by name; read from the data."""
    image_size: int = 160
    """Side of the square picture that the image tower sees, in pixels."""
    max_tokens: int = 64
    """Captions are cut to this many tokens."""
    max_joint_tokens: int = 312
    """vista: captions beside an image are cut to this many, and to what has room there."""
    patch_dropout: float = 0.0
    """vista: share of an image's patches that a step of the training leaves out, at random."""
    dropout: float = 0.0
    """Dropout in training: vista, of the text encoder; lite and adapter, of the towers' outputs."""

    def freezes(self, modality: str) -> bool:
        """Is the tower of "image" or "text" frozen?"""
        return self.freeze in (modality, "both")

    @property
    def caches_towers(self) -> bool:
        """Are the towers frozen, and their outputs computed once?"""
        return self.kind == "lite" and self.freeze == "both"

    @property
    def summed(self) -> tuple[str, ...]:
        """The fused modalities whose rows are sums of their parts' rows."""
        fused = (name for name in self.modalities if len(name_parts(name)) > 1)
        return () if self.fuse == "joint" else tuple(fused)


@dataclass(frozen=True, slots=True)
class ObjectiveConfig:
    """The loss (`gcl_spec.objective.Objective`); an empty value keeps the preset's own."""

    preset: str = "gcl"
    """One of gcl_spec.objective.PRESETS, such as gcl, gcl-drop, clip, pairwise or separation."""
    pool: str = ""
    """all, target or query."""
    self_term: str = ""
    """mask or keep."""
    same_sample: str = ""
    """keep or drop."""
    duplicates: str = ""
    """drop or positive."""
    balance: str = ""
    """pair or direction."""
    positives: float | str = ""
    """each, or a number from 0 to 1: how evenly a row's positives are to share its softmax."""
    scales: str = ""
    """Temperatures: one, or one for each direction, pair (of modalities) or modality."""
    bias: Literal["none", "one", "pair", "share"] = "none"
    """Shift of logits: none, one (of a sigmoid), pair: of each pair, or share: as `shares` say."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Shares of modalities by name, for a bias of that kind; ratios count, and 1 is for others."""
    bias_start: float = 0.0
    """The shift at the start; SigLIP's is -10 in logits, and so 10 / scale in cosines."""
    bias_unit: str = ""
    """logit or cosine."""
    hardness: float | str = ""
    """Weight of hard negatives, exp(hardness * cosine); 0: none."""
    hardness_weights: str = ""
    """attached or detached."""
    debias: float | str = ""
    """Share of the positives' sum that is taken off the negatives'; 0: none."""
    loss: str = ""
    """softmax or sigmoid."""


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """AdamW, its schedule, and the temperature."""

    lr: float = 1e-3
    """Peak learning rate; reached after warm-up, then a half cosine to 0."""
    tower_lr: float = 1e-5
    """Peak learning rate of the towers when they are trained."""
    warmup_steps: int = 20
    """Steps of linear warm-up from 0."""
    beta1: float = 0.9
    """AdamW: decay of the first moment."""
    beta2: float = 0.95
    """AdamW: decay of the second moment."""
    eps: float = 1e-8
    """AdamW: added to the root of the second moment."""
    weight_decay: float = 0.05
    """AdamW: decoupled decay of matrices; biases, norms and the temperature have none."""
    scale: float = 14.285714285714286
    """Scale at the start, 1 / temperature; CLIP starts at 1 / 0.07; 0: that of the checkpoint."""
    learn_scale: bool = True
    """Learn the temperature; false keeps it fixed."""
    learn_bias: bool = True
    """Learn the shift of logits, where there is one; false keeps it fixed."""
    max_scale: float = 100.0
    """The learned scale is clamped to this after every step."""
    clip_norm: float = 0.0
    """Longer gradients are cut to this norm; 0: never."""
    skip_nonfinite: int = 0
    """Skip steps whose loss or gradient is not finite; stop after this many in a row; 0: at one."""
    ema: float = 0.0
    """Evaluate a running mean of the weights with this decay, such as 0.999; 0: the weights."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The loop."""

    steps: int = 600
    """Steps in all."""
    batch_size: int = 256
    """Samples in the contrastive batch, over all processes and devices."""
    microbatch: int = 0
    """Samples encoded at a time by a process: memory only, the loss is unchanged; 0: all."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """The towers' arithmetic; weights, optimiser and loss stay in float32."""
    checkpointing: bool = False
    """Compute the towers' activations again in backward instead of keeping them."""
    compile: bool = False
    """torch: compile the model (JAX always does)."""
    shard: bool = False
    """torch: spread weights and optimiser over the processes by FSDP2, where towers do not fit."""
    devices: int = 1
    """JAX: devices of this process that share the batch; torch has a process for each."""
    timeout: float = 60.0
    """Seconds of silence after which a process that hangs ends the run for all; 0: never."""
    seed: int = 0
    """Seeds the weights and the order of the data."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    eval_every: int = 0
    """Steps between two evaluations on the validation tasks; 0: at the end only."""
    save_every: int = 100
    """Steps between two checkpoints."""
    save_minutes: float = 0.0
    """Minutes after which a checkpoint is also written; 0: by steps only."""
    keep: int = 2
    """Checkpoints kept; the newest ones."""
    keep_every: int = 0
    """Checkpoints whose step is a multiple of this are kept for good; 0: none."""
    keep_best: bool = False
    """Save at every evaluation, and keep the best checkpoint: gcl export --step best."""
    loggers: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """The places of metrics beside metrics.jsonl: any of "tensorboard" and "wandb"."""


@dataclass(frozen=True, slots=True)
class ColumnsConfig:
    """Names of columns in parquet files, of arrays in npz files, or of keys in train.jsonl."""

    image: str = "image"
    """Pictures: a file's content, Hugging Face's {bytes, path}, a path, or vectors."""
    text: str = "caption"
    """Captions: a text, or a list of them; `text` where there is none of this name."""
    id: str = "id"
    """Names of rows, where there is such a column; of vectors: equal ones are no negatives."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Videos, or vectors of further modalities, by the modality; else by the modality's name."""

    def chosen(self) -> dict[str, str]:
        """The options that differ from their defaults: a column that a user names must be there."""
        usual = ColumnsConfig()
        names = {option: getattr(self, option) for option in ("image", "text", "id")}
        chosen = {option: name for option, name in names.items() if name != getattr(usual, option)}
        return chosen | {f"others.{modality}": name for modality, name in self.others.items()}


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What to train on."""

    path: str = "starter"
    """starter; a folder or zip with train.jsonl; parquet, csv, tar shards, LLaVA json, vectors."""
    images: str = ""
    """Folder or zip of the pictures that rows name by path; empty: where the rows are."""
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    cache: str = ""
    """Folder of tower outputs, frames, shard indices; empty: $GCL_CACHE, else ~/.cache/gcl-spec."""
    frame_cache: float = 10.0
    """Gigabytes of decoded frames of videos kept in the cache, so that none is decoded twice."""
    max_bad: float = 0.01
    """Share of unreadable samples above which training stops; the first epoch has a margin."""
    workers: int = 2
    """Threads or processes that prepare the batches of coming steps; 0: none."""
    prefetch: int = 4
    """Batches that are prepared ahead."""
    workers_kind: Literal["thread", "process"] = "thread"
    """Who prepares: pictures are decoded outside of Python's lock, so threads mostly suffice."""
    holdout: float = 0.1
    """Share of precomputed vectors kept for evaluation, at most 1000, when there are no tasks."""


@dataclass(frozen=True, slots=True)
class EvalConfig:
    """The evaluation."""

    batch_size: int = 256
    """Items encoded at once."""
    tasks: Literal["tasks", "val_tasks"] = "tasks"
    """Tasks of the start and the end; val_tasks: validation, by which settings are chosen."""


@dataclass(frozen=True, slots=True)
class Config:
    """All options of a run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: DataConfig = field(default_factory=DataConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
