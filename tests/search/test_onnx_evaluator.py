"""ONNX Runtime answers as the torch module does that its graph was made of; other graphs are refused in a sentence."""

import hashlib
import logging
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from envs.games import TIC_TAC_TOE
from tests.search.playing import GAME, Playing, searching_policy
from workbench.errors import MissingExtraError, WorkbenchError
from workbench.policies.fingerprints import fingerprint_module
from workbench.search import OnnxEvaluator, SearchSettings, TorchEvaluator, audit, search
from workbench.search.games import describe, observe, random_positions
from workbench.search.onnx_evaluator import _without_the_exporters_own_warnings
from workbench.search.policy import SearchPolicy
from workbench.search.policy_evaluators import PolicyEvaluator, onnx_evaluator

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


class Network(nn.Module):
    """Logits and a value of tic-tac-toe."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Flatten())
        self.moves, self.worth = nn.Linear(72, 9), nn.Linear(72, 1)

    def forward(self, seen):
        seen = self.body(seen)
        return self.moves(seen), torch.tanh(self.worth(seen))


class Counting(Network):
    """Says something else each time: no graph can."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, seen):
        self.asked += 1
        logits, values = super().forward(seen)
        return logits + self.asked, values


class Deciding(Network):
    """Looks at its input in Python."""

    def forward(self, seen):
        logits, values = super().forward(seen)
        return (logits, values) if float(seen.sum()) > 3 else (values, logits)


@pytest.fixture(scope="module")
def module() -> Network:
    torch.manual_seed(1)
    return Network()


@pytest.fixture(scope="module")
def evaluator(module: Network) -> OnnxEvaluator:
    return OnnxEvaluator.from_module(module, TIC_TAC_TOE)


@pytest.mark.parametrize("count", [1, 2, 77])
def test_a_graph_answers_as_its_module(module, evaluator, count):
    asked = observe(TIC_TAC_TOE, random_positions(TIC_TAC_TOE, count, seed=5))
    for one, other in zip(evaluator(asked), TorchEvaluator(module)(asked), strict=True):
        assert one.dtype == np.float32
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=0, atol=1e-5)


def test_a_graph_of_a_module_has_the_fingerprint_of_its_weights(module, evaluator):
    assert evaluator.fingerprint == fingerprint_module(module) == TorchEvaluator(module).fingerprint


def test_another_board_is_named_with_what_was_expected(module, evaluator):
    said = r"^The ONNX graph takes observations \[batch, 2, 3, 3\]; got \[{}, 2, 4, 5\]\. .*size of board"
    with pytest.raises(WorkbenchError, match=said.format(7)):
        evaluator(observe(GAME, random_positions(GAME, 7)))
    with pytest.raises(WorkbenchError, match=said.format(1)):
        search(GAME, GAME.start()[None], evaluator, SearchSettings(simulations=5))
    with pytest.raises(WorkbenchError, match=r"^The ONNX graph takes .*; got \[9, 18\]"):
        evaluator(np.zeros((9, 18), np.float32))
    sentence = r"^Network cannot evaluate observations \[24, 2, 4, 5\] of connect_four_4x5: .* this size of board\.$"
    with pytest.raises(WorkbenchError, match=sentence):
        OnnxEvaluator.from_module(module, GAME)


def test_what_a_graph_finds_out_only_while_it_runs_is_said_once(capfd):
    evaluator = OnnxEvaluator(_graph(WEIGHTS, WORTH, width="width"), name="mine")
    assert evaluator(np.ones((4, 2), np.float32))[0].shape == (4, 3)
    said = r"^The ONNX graph of mine cannot evaluate observations \[4, 5\] of float32, though .* \[batch, width\]: "
    with pytest.raises(WorkbenchError, match=said):
        evaluator(np.ones((4, 5), np.float32))
    assert capfd.readouterr() == ("", "")


def test_what_torch_says_at_every_export_is_kept_back_and_nothing_else():
    """A warning is an error here; what is logged is listened to where it is logged."""
    said = []

    class Listening(logging.Handler):
        def emit(self, record):
            said.append(record.getMessage())

    registry = logging.getLogger("torch.onnx._internal.exporter._registration")
    listening = Listening()
    registry.addHandler(listening)
    try:
        OnnxEvaluator.from_module(Network(), TIC_TAC_TOE)
        assert said == []
        with _without_the_exporters_own_warnings():
            registry.warning("torchvision is not installed. Skipping %s", "torchvision::nms")
            registry.warning("'%s' does not have a 'default' overload.", "mine::own")
            with pytest.raises(UserWarning, match="of the module"):
                warnings.warn("of the module", UserWarning, stacklevel=1)
        assert said == ["'mine::own' does not have a 'default' overload."]
        registry.warning("torchvision is not installed. Skipping %s", "torchvision::nms")
        assert len(said) == 2
    finally:
        registry.removeHandler(listening)


def test_it_can_be_searched_with_from_two_threads(evaluator):
    positions = random_positions(TIC_TAC_TOE, 6)
    traces = search(TIC_TAC_TOE, positions, evaluator, SearchSettings(simulations=60), threads=2)
    assert [trace.fingerprint for trace in traces] == [evaluator.fingerprint] * 6
    for trace, position in zip(traces, positions, strict=True):
        assert np.array_equal(trace.position[0], position)
        assert audit(trace).divergence is None


def test_a_policy_searches_with_onnx_runtime_as_with_torch():
    network = searching_policy().policy
    environment = Playing()
    environment.reset(seed=0)
    asked = observe(GAME, random_positions(GAME, 9))
    answers = onnx_evaluator(network, GAME)(asked)
    for one, other in zip(answers, PolicyEvaluator(network)(asked), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-5)
    policy = SearchPolicy(network, SearchSettings(simulations=20), evaluator=onnx_evaluator)
    seen = environment._seen()[None]
    choice = policy.act(seen, deterministic=True, environments=[environment])
    plain = SearchPolicy(network, SearchSettings(simulations=20))
    assert np.array_equal(choice.actions, plain.act(seen, deterministic=True, environments=[environment]).actions)
    assert policy.last_traces[0].fingerprint == plain.last_traces[0].fingerprint


def test_random_positions_are_reached_and_not_over():
    positions = random_positions(TIC_TAC_TOE, 50)
    facts = describe(TIC_TAC_TOE, positions)
    assert not facts["ended"].any()
    assert len(np.unique(positions, axis=0)) > 20
    assert np.array_equal(positions, random_positions(TIC_TAC_TOE, 50))


def _graph(weights, worth, *, batch="batch", inputs=1, width=None):
    """logits = observations · weights, values = observations · worth."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    actions = weights.shape[1]
    width = width or weights.shape[0]
    return helper.make_model(
        helper.make_graph(
            [
                helper.make_node("MatMul", ["seen", "weights"], ["logits"]),
                helper.make_node("MatMul", ["seen", "worth"], ["values"]),
            ],
            "linear",
            [helper.make_tensor_value_info(f"seen{'' if k == 0 else k}", kind, [batch, width]) for k in range(inputs)],
            [
                helper.make_tensor_value_info("logits", kind, [batch, actions]),
                helper.make_tensor_value_info("values", kind, [batch, 1]),
            ],
            [onnx.numpy_helper.from_array(weights, "weights"), onnx.numpy_helper.from_array(worth, "worth")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    ).SerializeToString()


WEIGHTS, WORTH = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([[0.5], [-0.25]], np.float32)


def test_a_file_is_read_and_answers(tmp_path):
    made = _graph(WEIGHTS, WORTH)
    (tmp_path / "linear.onnx").write_bytes(made)
    evaluator = OnnxEvaluator(tmp_path / "linear.onnx")
    logits, values = evaluator(np.array([[1, 0], [0, 1], [2, 4]], np.float32))
    assert logits.tolist() == [[0, 1, 2], [3, 4, 5], [12, 18, 24]]
    assert values.tolist() == [0.5, -0.25, 0]
    assert evaluator.fingerprint == hashlib.sha256(made).hexdigest()
    with pytest.raises(WorkbenchError, match=r"linear\.onnx takes observations \[batch, 2\]; got \[1, 5\]\. Ask it"):
        evaluator(np.zeros((1, 5), np.float32))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: OnnxEvaluator("nowhere.onnx"), "nowhere.onnx cannot be read as an .onnx file: No such file"),
        (lambda: OnnxEvaluator(b"no graph"), "ONNX Runtime cannot load the ONNX graph"),
        (lambda: OnnxEvaluator(_graph(WEIGHTS, WORTH, batch=4)), "must be a batch of any length"),
        (lambda: OnnxEvaluator(_graph(WEIGHTS, WORTH, inputs=2)), "takes one tensor"),
        (lambda: OnnxEvaluator.from_module(Counting(), TIC_TAC_TOE), "Counting gives other logits than the module"),
        (lambda: OnnxEvaluator.from_module(Deciding(), TIC_TAC_TOE), "torch cannot export Deciding to ONNX"),
    ],
)
def test_what_is_no_such_graph_is_said_in_a_sentence(make, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        make()


def test_a_missing_extra_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r'pip install "rl-workbench\[onnx\]"'):
        OnnxEvaluator(b"")
