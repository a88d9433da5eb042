"""A trainer with a state that its checkpoint lacks: a resumed run is another one."""

import time
from collections.abc import Mapping
from typing import Any

from fake import FakeBackend, FakeTrainer
from gcl_spec.config.options import Config


class ForgetfulTrainer(FakeTrainer):
    """Its steps grow with the number of steps that this process has taken."""

    taken = 0

    def step(self, batch: Any, /, *, lr: float) -> Mapping[str, Any]:
        self.taken += 1
        time.sleep(0.03)  # a kill is sent between steps, also where the sender has to wait
        return super().step(batch, lr=lr * (1 + self.taken / 1000))


class ForgetfulBackend(FakeBackend):
    def trainer(self, config: Config, /, *, device: str, state: Any = None) -> ForgetfulTrainer:
        return ForgetfulTrainer(config, state)
