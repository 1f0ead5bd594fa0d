"""What every saliency method must do. A method's whole test is one call of `check_method` a case."""

import dataclasses

import numpy as np
import torch

from workbench.analyses.saliency import Case, saliency
from workbench.analyses.saliency.methods import find_method


def check_method(case: Case, method: str) -> None:
    row = find_method(method)
    weights = {name: tensor.clone() for name, tensor in case.policy.module.state_dict().items()}
    torch.manual_seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    maps = saliency(case, method)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # type: ignore[index]
    for name, tensor in case.policy.module.state_dict().items():
        assert torch.equal(tensor, weights[name])
    for part in case.policy.module.modules():
        assert not part._forward_hooks
        assert not part._backward_hooks
    count = len(case.question)
    assert {name: array.shape for name, array in maps.values.items()} == {
        name: tuple(tensor.shape) for name, tensor in case.question.values.items()
    }
    assert all(np.isfinite(array).all() for array in maps.values.values())
    assert maps.regions.shape == (count, len(maps.region_names))
    # Every number belongs to one region, so nothing is lost when they are summed up.
    added = [array if row.signed else np.abs(array) for array in maps.values.values()]
    total = sum(array.reshape(count, -1).astype(np.float64).sum(axis=1) for array in added)
    np.testing.assert_allclose(maps.regions.sum(axis=1), total, rtol=1e-4, atol=1e-5)
    if row.complete and "completeness_gap" not in maps.facts:
        np.testing.assert_allclose(total, maps.facts["difference"], rtol=1e-4, atol=1e-5)
    if not row.signed and method not in ("gradient", "smooth_grad", "guided_backprop"):
        assert all((array >= 0).all() for array in maps.values.values())
    for array in (maps.regions, maps.rows, *maps.values.values()):
        assert not array.flags.writeable
    # Other circumstances that must make no difference: the size of a batch, the global generators.
    torch.manual_seed(2)
    small = dataclasses.replace(case.question, batch_size=3)
    again = saliency(dataclasses.replace(case, question=small), method)
    scale = max(1e-3, float(np.abs(maps.regions).max()))
    np.testing.assert_allclose(again.regions / scale, maps.regions / scale, atol=2e-3 if row.complete else 1e-4)
