"""What compiled code leaves as it is, and that no compiler is imported for a loss."""

import subprocess
import sys

import pytest
import torch

from gcl_torch.loss.outside_graphs import outside_graphs

LOSS = """
import sys, torch
from gcl_spec.loss import gcl_loss
x = torch.randn(9, 4, requires_grad=True)
for count in (3, 3 * 30):
    gcl_loss(x.repeat(count, 1), x.repeat(count, 1), log_scale=1.0).backward()
print("gcl_torch.loss.kernel" in sys.modules, "torch._dynamo" in sys.modules)
"""


@pytest.mark.filterwarnings("ignore:Dynamo detected")
def test_a_graph_breaks_there() -> None:
    seen = []

    @outside_graphs
    def double(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.compiler.is_compiling())
        return inner(x)

    def inner(x: torch.Tensor) -> torch.Tensor:
        seen.append(type(x) is torch.Tensor)
        return 2 * x

    graphs = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        graphs.append([node.target for node in graph.graph.nodes if node.op == "call_function"])
        return graph.forward

    step = torch.compile(lambda x: double(x + 1) - 3, backend=backend)
    for _ in range(3):
        assert step(torch.ones(2)).tolist() == [1.0, 1.0]
    assert seen == [False, True] * 3, "it runs each time, and is never traced"
    assert len(graphs) == 2, "what is before it, and what is behind it"


def test_a_loss_imports_no_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSS], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["True", "False"]
