"""Hooks see every output once, whatever the module gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workbench.recording.hooks import ActivationCapture, leaf_modules


def discover(module: nn.Module, run: Callable[[], Any], batch: int = 3) -> tuple[ActivationCapture, dict[str, Tensor]]:
    capture = ActivationCapture(module)
    capture.begin()
    run()
    return capture, capture.end(batch)


def test_shared_modules_are_found_once() -> None:
    shared = nn.Linear(2, 2)
    module = nn.ModuleDict({"a": nn.Sequential(shared, nn.Tanh()), "b": nn.Sequential(shared)})
    assert list(leaf_modules(module)) == ["a.0", "a.1"]


@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_outputs_have_the_batch_first(batch_first: bool) -> None:
    lstm = nn.LSTM(4, 5, num_layers=2, batch_first=batch_first)
    module = nn.ModuleDict({"lstm": lstm})
    inputs = torch.randn(3, 1, 4) if batch_first else torch.randn(1, 3, 4)
    capture, samples = discover(module, lambda: lstm(inputs))
    output, (hidden, cell) = lstm(inputs)
    assert torch.equal(samples["lstm.output"], output.reshape(3, 5))
    assert torch.equal(samples["lstm.hidden"], hidden.transpose(0, 1))
    assert torch.equal(samples["lstm.cell"], cell.transpose(0, 1))
    assert capture.layers["lstm.cell"] == "LSTM"


def test_cells_and_gated_units() -> None:
    module = nn.ModuleDict({"cell": nn.LSTMCell(4, 5), "gru": nn.GRU(4, 6), "gru_cell": nn.GRUCell(4, 7)})

    def run() -> None:
        module["cell"](torch.randn(3, 4))
        module["gru"](torch.randn(1, 3, 4))
        module["gru_cell"](torch.randn(3, 4))

    shapes = {name: tuple(sample.shape) for name, sample in discover(module, run)[1].items()}
    assert shapes == {
        "cell.hidden": (3, 5),
        "cell.cell": (3, 5),
        "gru.output": (3, 6),
        "gru.hidden": (3, 6),
        "gru_cell": (3, 7),
    }


class Nested(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"a": x, "b": (x + 1, [x + 2])}


class Summing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


def test_nested_outputs_are_taken_apart_and_odd_ones_are_named() -> None:
    module = nn.ModuleDict({"nested": Nested(), "sum": Summing()})

    def run() -> None:
        module["nested"](torch.zeros(3, 2))
        module["sum"](torch.zeros(3, 2))

    capture, samples = discover(module, run)
    assert set(samples) == {"nested.a", "nested.b.0", "nested.b.1.0"}
    assert "not the batch" in capture.skipped["sum"]


def test_every_pass_gives_the_layers_of_the_first_one() -> None:
    linear = nn.Linear(2, 4)
    module = nn.ModuleDict({"linear": linear, "sometimes": nn.Tanh(), "later": nn.Tanh(), "never": nn.Tanh()})

    def run() -> Tensor:
        result: Tensor = module["sometimes"](linear(torch.ones(3, 2, requires_grad=True)))
        return result

    capture, samples = discover(module, run)
    assert list(samples) == ["linear", "sometimes"]
    assert "did not run" in capture.skipped["never"]
    capture.begin()
    out = run()
    outputs = capture.end(3)
    assert torch.equal(outputs["sometimes"], out)
    capture.begin()
    module["later"](linear(torch.ones(2, 2)))
    assert list(capture.end(2)) == ["linear"]


@pytest.mark.parametrize("passes", [1, 3])
def test_what_is_overwritten_downstream_is_kept_as_it_was(passes: int) -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(inplace=True), nn.Linear(4, 4), nn.Tanh())
    capture = ActivationCapture(module)
    for _ in range(passes):
        inputs = torch.randn(3, 2)
        capture.begin()
        with torch.no_grad():
            module(inputs)
            outputs = capture.end(3)
            expected = module[0](inputs)
            assert (expected < 0).any()
            assert torch.equal(outputs["0"], expected)
            assert torch.equal(outputs["1"], torch.relu(expected))
            assert torch.equal(outputs["3"], torch.tanh(outputs["2"]))


def test_an_overwriting_that_comes_later_is_noticed() -> None:
    linear = nn.Linear(2, 4)
    capture, _ = discover(nn.ModuleDict({"linear": linear}), lambda: linear(torch.ones(3, 2)))
    with torch.no_grad():
        capture.begin()
        linear(torch.ones(3, 2))
        assert list(capture.end(3)) == ["linear"]
        capture.begin()
        linear(torch.ones(3, 2)).zero_()
        assert capture.end(3) == {}
    assert "overwrote" in capture.skipped["linear"]


class OwnBuffer(nn.Module):
    """Gives the same tensor at every call, with other numbers in it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("held", torch.zeros(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("held").copy_(x)
        return self.get_buffer("held")


class Unchanged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:]


@pytest.mark.parametrize("module", [OwnBuffer(), Unchanged()])
def test_memory_that_is_used_again_is_copied_as_it_comes(module: nn.Module) -> None:
    capture = ActivationCapture(nn.ModuleDict({"module": module}))
    observations = np.zeros((3, 2), np.float32)
    kept = []
    for number in range(5):
        observations[:] = number
        capture.begin()
        module(torch.from_numpy(observations))
        kept.append(capture.end(3)["module"])
    assert [float(output[0, 0]) for output in kept] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_second_run_that_was_not_there_at_first_is_reported() -> None:
    tanh = nn.Tanh()
    capture = ActivationCapture(nn.ModuleDict({"tanh": tanh}))
    for times in (1, 1, 2):
        capture.begin()
        output = torch.ones(3, 2)
        for _ in range(times):
            output = tanh(output)
        assert torch.equal(capture.end(3)["tanh"], torch.tanh(torch.ones(3, 2)))
    assert "more than once" in capture.skipped["tanh#2"]


def test_a_module_that_runs_twice_gives_two_layers_each_time() -> None:
    tanh = nn.Tanh()
    capture = ActivationCapture(nn.ModuleDict({"tanh": tanh}))
    for value in (1.0, 2.0):
        capture.begin()
        tanh(tanh(torch.full((3, 1), value)))
        outputs = capture.end(3)
        assert list(outputs) == ["tanh", "tanh#2"]
        assert torch.equal(outputs["tanh#2"], torch.tanh(torch.tanh(torch.full((3, 1), value))))


def test_hooks_are_quiet_between_passes_and_after_removal() -> None:
    linear = nn.Linear(2, 2)
    capture, _ = discover(nn.ModuleDict({"linear": linear}), lambda: linear(torch.zeros(3, 2)))
    linear(torch.zeros(1, 2))
    capture.begin()
    assert capture.end(1) == {}
    capture.remove()
    assert not linear._forward_hooks
    assert "forward" not in linear.__dict__


def test_hooks_of_others_keep_their_say() -> None:
    linear = nn.Linear(2, 2)
    linear.register_forward_hook(lambda _module, _arguments, output: output + 100)
    capture = ActivationCapture(nn.ModuleDict({"linear": linear}))
    for _ in range(2):
        capture.begin()
        with torch.no_grad():
            given = linear(torch.ones(3, 2))
            assert torch.equal(capture.end(3)["linear"], given)
    capture.remove()
    assert len(linear._forward_hooks) == 1


def test_a_sequence_is_recorded_as_its_modules_are() -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)))
    capture = ActivationCapture(module)
    inputs = torch.randn(3, 2)
    for number in range(4):
        if number == 3:
            module[2][0].register_forward_hook(lambda _module, _arguments, output: output + 1)
        capture.begin()
        with torch.no_grad():
            given = module(inputs)
        outputs = capture.end(3)
        shift = 1 if number == 3 else 0
        with torch.no_grad():
            first = nn.functional.linear(inputs, module[0].weight, module[0].bias)
            third = nn.functional.linear(torch.tanh(first), module[2][0].weight, module[2][0].bias) + shift
        assert torch.equal(outputs["0"], first)
        assert torch.equal(outputs["1"], torch.tanh(first))
        assert torch.equal(outputs["2.0"], third)
        assert torch.equal(outputs["2.1"], torch.relu(third))
        assert torch.equal(given, outputs["2.1"])
    capture.remove()
    assert all("forward" not in part.__dict__ for part in module.modules())


def test_a_sequence_that_runs_again_keeps_its_first_run() -> None:
    sequence = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    capture = ActivationCapture(nn.ModuleDict({"sequence": sequence}))
    for times in (1, 1, 2):
        capture.begin()
        value = torch.ones(3, 2)
        results = []
        for _ in range(times):
            value = sequence(value)
            results.append(value)
        assert torch.equal(capture.end(3)["sequence.1"], results[0])
    assert "more than once" in capture.skipped["sequence.0#2"]
