"""Ask an ONNX graph instead of a torch module: ONNX Runtime answers small batches in a fraction of torch's time.

Axis legend: that of `evaluators`.
"""

import hashlib
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import MissingExtraError, WorkbenchError
from workbench.search.evaluators import Evaluation
from workbench.search.games import Game, observe, random_positions

Preprocess = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""What is done to a game's observations `[B, ...]` before a network sees them."""

OPSET = 18
"""The version of ONNX's operators that modules are exported to."""
_TOLERANCE = 1e-4
_CHECKED = 24


class OnnxEvaluator:
    """An ONNX graph that maps observations `[batch, ...]` float32 to logits `[batch, A]` and values, in that order.

    It runs on one thread of the processor, in whichever thread asks: `search(…, threads=2)` keeps two cores busy.

    Args:
        model: An .onnx file, or what would be in it. One input and two outputs, with a batch axis of any length; values
            are `[batch]` or `[batch, 1]`.
        fingerprint: Which weights these are; None: the SHA-256 of the file.
        preprocess: What is done to observations first; None: nothing.
        name: For people.

    Raises:
        WorkbenchError: There is no such file, or it is no such graph.
        MissingExtraError: ONNX Runtime is not installed.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        *,
        fingerprint: str | None = None,
        preprocess: Preprocess | None = None,
        name: str = "onnx",
    ) -> None:
        self.name, self._preprocess = name, preprocess
        runtime = _imported("onnxruntime")
        called = "the ONNX graph" if isinstance(model, bytes) else str(model)
        if not isinstance(model, bytes):
            try:
                model = Path(model).read_bytes()
            except OSError as error:
                raise WorkbenchError(f"{called} cannot be read as an .onnx file: {error.strerror}.") from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise WorkbenchError(f"ONNX Runtime cannot load {called}: {_first_line(error)}") from error
        self.fingerprint = fingerprint or hashlib.sha256(model).hexdigest()
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 2 or inputs[0].type != "tensor(float)":
            taken = ", ".join(f"{one.name} ({one.type})" for one in inputs)
            raise WorkbenchError(
                f"A graph to search with takes one tensor(float) of observations and gives two outputs, logits and "
                f"values; {called} takes {taken or 'nothing'} and gives {', '.join(one.name for one in outputs)}."
            )
        if not inputs[0].shape or isinstance(inputs[0].shape[0], int):
            raise WorkbenchError(
                f"The first axis of a graph's input must be a batch of any length; that of {called} has the shape "
                f"{inputs[0].shape}. Export it with a dynamic batch axis."
            )
        self._input = inputs[0].name
        self._outputs = [one.name for one in outputs]

    @classmethod
    def from_module(
        cls,
        module: Any,
        game: Game,
        *,
        opset: int = OPSET,
        fingerprint: str | None = None,
        preprocess: Preprocess | None = None,
        name: str = "onnx",
    ) -> "OnnxEvaluator":
        """Export a torch module, and check that the graph answers as the module does.

        Args:
            module: Maps observations `[B, ...]` to `(logits [B, A], value [B] or [B, 1])`; it is put into evaluation
                mode. Its weights are taken over as they are: whoever goes on training makes another evaluator.
            game: Whose observations it is asked about; both are asked about positions from random moves.
            opset: The version of ONNX's operators.
            fingerprint: Which weights these are; None: the fingerprint of the module's.
            preprocess: What is done to the game's observations before the module sees them; None: nothing.
            name: For people.

        Raises:
            WorkbenchError: torch cannot export it, or the answers differ.
            MissingExtraError: ONNX Runtime, or what torch exports with, is not installed.
        """
        from workbench.policies.fingerprints import fingerprint_module

        asked = observe(game, random_positions(game, _CHECKED))
        inputs = asked if preprocess is None else preprocess(asked)
        graph = _export(module.eval(), inputs, opset)
        said = fingerprint if fingerprint is not None else fingerprint_module(module)
        made = cls(graph, fingerprint=said, preprocess=preprocess, name=name)
        _check_alike(made, module, asked, inputs)
        return made

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """One pass.

        Raises:
            WorkbenchError: The observations have another shape than the graph takes.
        """
        if self._preprocess is not None:
            observations = self._preprocess(observations)
        try:
            logits, values = self._session.run(self._outputs, {self._input: observations})
        except Exception as error:
            raise WorkbenchError(
                f"The ONNX graph cannot evaluate observations of shape {observations.shape}: {_first_line(error)}"
            ) from error
        return logits, values.reshape(-1)


def _imported(package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(package, "onnx", "Evaluating with ONNX Runtime") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _export(module: Any, observations: npt.NDArray[np.float32], opset: int) -> bytes:
    """The graph of a module, whose batch axis is of any length."""
    import torch

    for package in ("onnx", "onnxscript"):
        _imported(package)
    inputs = torch.from_numpy(observations).to(_device_of(module))
    # It warns of operators of torchvision, which nobody asked for.
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Of the exporter's own parts.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (inputs,),
                dynamo=True,
                input_names=["observations"],
                output_names=["logits", "values"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=opset,
                verbose=False,
            )
        assert program is not None
        return bytes(program.model_proto.SerializeToString())
    except Exception as error:
        raise WorkbenchError(
            f"torch cannot export {type(module).__name__} to ONNX: {_first_line(error)} Search with TorchEvaluator."
        ) from error
    finally:
        logger.setLevel(level)


def _device_of(module: Any) -> Any:
    import torch

    return next((one.device for one in module.parameters()), torch.device("cpu"))


def _check_alike(
    made: OnnxEvaluator, module: Any, observations: npt.NDArray[np.float32], inputs: npt.NDArray[np.float32]
) -> None:
    import torch

    for asked in (slice(None), slice(1)):
        with torch.inference_mode():
            expected = [one.cpu().numpy() for one in module(torch.from_numpy(inputs[asked]).to(_device_of(module)))]
        for what, one, other in zip(("logits", "values"), made(observations[asked]), expected, strict=True):
            apart = np.abs(one - other.reshape(one.shape)) / (1 + np.abs(other.reshape(one.shape)))
            if not apart.max() <= _TOLERANCE:
                raise WorkbenchError(
                    f"The ONNX graph of {type(module).__name__} gives other {what} than the module itself: relative to "
                    f"1 + their size they are up to {apart.max():.2g} apart in {len(one)} positions, where "
                    f"{_TOLERANCE:g} is allowed. Search with TorchEvaluator."
                )
