"""Ask an ONNX graph instead of a torch module: ONNX Runtime answers small batches in a fraction of torch's time.

Axis legend: that of `evaluators`.
"""

import contextlib
import hashlib
import logging
import re
import warnings
from collections.abc import Callable, Iterator
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
        called = str(model)
        if isinstance(model, bytes):
            called = "the ONNX graph" if name == "onnx" else f"the ONNX graph of {name}"
        self._called = f"T{called[1:]}" if isinstance(model, bytes) else called
        if not isinstance(model, bytes):
            try:
                model = Path(model).read_bytes()
            except OSError as error:
                raise WorkbenchError(f"{called} cannot be read as an .onnx file: {error.strerror}.") from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # What it would log of a failure is raised as well.
        options.log_severity_level = 4
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
        self._takes = [size if isinstance(size, int) else None for size in inputs[0].shape]
        self._batch = _listed(inputs[0].shape)
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
            WorkbenchError: It does not take observations of this game; torch cannot export it; or the answers differ.
            MissingExtraError: ONNX Runtime, or what torch exports with, is not installed.
        """
        from workbench.policies.fingerprints import fingerprint_module

        asked = observe(game, random_positions(game, _CHECKED))
        inputs = asked if preprocess is None else preprocess(asked)
        _check_takes(module.eval(), inputs, game)
        graph = _export(module, inputs, opset)
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
        shape = observations.shape
        if len(shape) != len(self._takes) or any(
            size not in (None, came) for size, came in zip(self._takes, shape, strict=True)
        ):
            raise WorkbenchError(
                f"{self._called} takes observations {self._batch}; got {_listed(shape)}. Ask it about the game and the "
                f"size of board that its network was made for, or take another network."
            )
        try:
            logits, values = self._session.run(self._outputs, {self._input: observations})
        except Exception as error:
            raise WorkbenchError(
                f"{self._called} cannot evaluate observations {_listed(shape)} of {observations.dtype}, though it says "
                f"that it takes {self._batch}: {_first_line(error)}"
            ) from error
        return logits, values.reshape(-1)


def _imported(package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(package, "onnx", "Evaluating with ONNX Runtime") from error


def _first_line(error: BaseException) -> str:
    plain = re.sub("\x1b\\[[0-9;]*m", "", str(error)).strip()
    return (plain or type(error).__name__).splitlines()[0]


def _listed(shape: Any) -> str:
    return f"[{', '.join(str(size) for size in shape)}]"


def _check_takes(module: Any, inputs: npt.NDArray[np.float32], game: Game) -> None:
    """Ask the module itself: what torch says when it exports one that does not fit is pages long."""
    import torch

    try:
        with torch.inference_mode():
            module(torch.from_numpy(inputs).to(_device_of(module)))
    except Exception as error:
        raise WorkbenchError(
            f"{type(module).__name__} cannot evaluate observations {_listed(inputs.shape)} of {game.name}: "
            f"{_first_line(error)}. Take the network that was made for this game and this size of board."
        ) from error


@contextlib.contextmanager
def _without_the_exporters_own_warnings() -> Iterator[None]:
    """Keep back what torch says at every export, of whatever module, and nothing else."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")

    def of_the_module(record: logging.LogRecord) -> bool:
        # The exporter lists torchvision's operators among those that it could export; nobody asked for them.
        return not record.getMessage().startswith("torchvision is not installed")

    logger.addFilter(of_the_module)
    try:
        with warnings.catch_warnings():
            # The exporter copies a tree of its own in a way that torch has since deprecated.
            warnings.filterwarnings(
                "ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated", category=FutureWarning
            )
            yield
    finally:
        logger.removeFilter(of_the_module)


def _export(module: Any, observations: npt.NDArray[np.float32], opset: int) -> bytes:
    """The graph of a module, whose batch axis is of any length."""
    import torch

    for package in ("onnx", "onnxscript"):
        _imported(package)
    inputs = torch.from_numpy(observations).to(_device_of(module))
    try:
        with _without_the_exporters_own_warnings():
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
            f"torch cannot export {type(module).__name__} to ONNX: {_first_line(error.__cause__ or error)} Search with "
            f"TorchEvaluator."
        ) from error


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
