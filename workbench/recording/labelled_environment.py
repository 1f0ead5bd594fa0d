"""An environment that says what labellers know of it, for loops whose environments are in other processes."""

from typing import Any

import gymnasium

from workbench.recording.labelling import Labelling


class LabelledEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Puts what labellers read off an environment into `info["truth"]`, in the process that the environment is in.

    A recorder takes it from there, as it takes what an environment says itself, which is left as it is:
    `SubprocVecEnv([lambda: LabelledEnvironment(gymnasium.make("CartPole-v1"))] * 4)`.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._labelling = Labelling({})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, and say what is true."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, self._labelled(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and say what is true now."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, self._labelled(info)

    def _labelled(self, info: dict[str, Any]) -> dict[str, Any]:
        read = self._labelling.columns(info, [self.env])
        truth = {path.removeprefix("steps/truth/"): values[0] for path, values in read.items()}
        return {**info, "truth": {**truth, **(info.get("truth") or {})}}
