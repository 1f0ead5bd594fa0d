"""A memory task: a cue is shown first, then distracting symbols, then it must be named.

Nothing that is observed after the cue depends on the cue: who answers right has remembered it. A delayed match to
sample in the manner of the T-maze of B. Bakker, "Reinforcement Learning with Long Short-Term Memory" (2001).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from envs.editing import Edit, carry_out

PHASES = ("cue", "delay", "choice")
_CELL = 24


class CueRecall(gymnasium.Env[npt.NDArray[np.float32], int]):
    """See a cue, wait through distractors of unknown number, name the cue when asked; reward 1 if right.

    The observation is `[symbols + 2]` float32 of zeros and ones: the symbol shown (one-hot), whether it is the cue,
    whether to choose now. Actions before the choice do nothing. While waiting and at the choice, symbols are drawn
    evenly and independently of the cue. The action at the choice ends the episode.

    `info["truth"]` at the observation that it comes with:
        cue: the latent, 0 to symbols - 1, at every step.
        symbol: what is shown. phase: 0 cue, 1 delay, 2 choice. elapsed: steps since the start.
        steps_until_choice: steps until the agent is asked.
        optimal_action: the cue at the choice, -1 where the action does not matter.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4}

    def __init__(
        self,
        *,
        symbols: int = 4,
        cue_steps: int = 1,
        delay: int | Sequence[int] = (3, 10),
        render_mode: str | None = None,
    ) -> None:
        """Set the task's options.

        Args:
            symbols: Number of symbols and of actions, at least 2.
            cue_steps: Steps for which the cue is shown, at least 1.
            delay: Number of distracting steps, at least 0; or the smallest and largest, then drawn for each episode.
            render_mode: `"rgb_array"` or None.

        Raises:
            ValueError: An option is out of its range.
        """
        low, high = (delay, delay) if isinstance(delay, int) else tuple(delay) if len(delay) == 2 else (-1, -1)
        if symbols < 2 or cue_steps < 1 or not 0 <= low <= high:
            raise ValueError(
                f"expected symbols >= 2, cue_steps >= 1 and delay >= 0 or a pair (smallest, largest); "
                f"got {symbols}, {cue_steps}, {delay}"
            )
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None; got {render_mode!r}")
        self.render_mode = render_mode
        self._symbols, self._cue_steps, self._delay = int(symbols), int(cue_steps), (int(low), int(high))
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (self._symbols + 2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(self._symbols)
        names = [f"symbol {symbol}" for symbol in range(self._symbols)]
        self.metadata = {
            **type(self).metadata,
            "observation_names": [*names, "this is the cue", "choose now"],
            "action_names": [f"name {name}" for name in names],
        }
        self._over: bool | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Draw the cue, the delay and the distractors.

        Args:
            seed: Seed of the generator.
            options: `{"cue": k}` sets the cue; all else is drawn as it would be without.
        """
        super().reset(seed=seed)
        cue = int(self.np_random.integers(self._symbols))
        delay = int(self.np_random.integers(self._delay[0], self._delay[1] + 1))
        self._shown = self.np_random.integers(self._symbols, size=self._cue_steps + delay + 1)
        self._elapsed, self._over = 0, False
        self._set(cue if not options or "cue" not in options else self._checked(options["cue"]))
        return self.observation(), {"truth": self.truth()}

    def step(self, action: int) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Name a symbol; it counts only when asked."""
        if self._over is not False:
            raise ResetNeeded("the episode is over; call reset before the next step")
        if not 0 <= action < self._symbols:
            raise ValueError(f"an action is 0 to {self._symbols - 1}; got {action!r}")
        asked = self._elapsed == len(self._shown) - 1
        self._elapsed += 1
        self._over = asked
        reward = float(asked and int(action) == self._cue)
        return self.observation(), reward, asked, False, {"truth": self.truth()}

    def observation(self) -> npt.NDArray[np.float32]:
        """Give the observation of the present state; zeros when the episode is over."""
        self._need_episode()
        observation = np.zeros(self._symbols + 2, dtype=np.float32)
        if not self._over:
            observation[self._shown[self._elapsed]] = 1.0
            observation[-2] = self._elapsed < self._cue_steps
            observation[-1] = self._elapsed == len(self._shown) - 1
        return observation

    def truth(self) -> dict[str, Any]:
        """Give what is true of the present state, see the class; symbol is -1 when the episode is over."""
        self._need_episode()
        last = len(self._shown) - 1
        asked = self._elapsed >= last
        return {
            "cue": self._cue,
            "symbol": -1 if self._over else int(self._shown[self._elapsed]),
            "phase": 0 if self._elapsed < self._cue_steps else 2 if asked else 1,
            "elapsed": self._elapsed,
            "steps_until_choice": max(last - self._elapsed, 0),
            "optimal_action": self._cue if asked and not self._over else -1,
        }

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Draw the symbols as a row of squares, the two signals below: `[96, 48 * symbols, 3]` uint8."""
        if self.render_mode is None:
            return None
        observation = self.observation()
        frame = np.full((4 * _CELL, 2 * _CELL * self._symbols, 3), 245, dtype=np.uint8)
        for symbol in range(self._symbols):
            shown = observation[symbol] > 0
            left = 2 * _CELL * symbol
            frame[8 : 2 * _CELL - 8, left + 8 : left + 2 * _CELL - 8] = (43, 108, 176) if shown else (215, 220, 228)
        half = frame.shape[1] // 2
        frame[2 * _CELL + 8 : -8, 8 : half - 8] = (56, 161, 105) if observation[-2] else (225, 225, 225)
        frame[2 * _CELL + 8 : -8, half + 8 : -8] = (229, 62, 62) if observation[-1] else (225, 225, 225)
        return frame

    def edits(self) -> tuple[Edit, ...]:
        """List the edits on offer."""
        return (
            Edit(name="set_cue", parameters={"cue": int}, description="Change the cue: what was, or is being, shown."),
            Edit(name="set_symbol", parameters={"symbol": int}, description="Change the distractor shown now."),
        )

    def edit(self, name: str, **arguments: Any) -> npt.NDArray[np.float32]:
        """Carry out one of `edits()` and return the observation after it; ValueError where it is impossible."""
        return carry_out(self, name, arguments)

    def set_cue(self, cue: int) -> npt.NDArray[np.float32]:
        """Change the right answer; where the cue is still being shown, so is the new one."""
        self._need_running()
        self._set(self._checked(cue))
        return self.observation()

    def set_symbol(self, symbol: int) -> npt.NDArray[np.float32]:
        """Show another distractor now."""
        self._need_running()
        if self._elapsed < self._cue_steps:
            raise ValueError("the cue is being shown, not a distractor; change it with set_cue")
        self._shown = self._shown.copy()
        self._shown[self._elapsed] = self._checked(symbol)
        return self.observation()

    def get_state(self) -> dict[str, Any]:
        """Give a copy of the running episode's state (the generator of later episodes is not part of it)."""
        self._need_episode()
        return {"cue": self._cue, "shown": self._shown.copy(), "elapsed": self._elapsed, "over": bool(self._over)}

    def set_state(self, state: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """Put a state from `get_state` back and return its observation; ValueError where it fits no such task."""
        names = {"cue", "shown", "elapsed", "over"}
        if set(state) != names:
            raise ValueError(f"a state has the entries {', '.join(sorted(names))}; got {', '.join(sorted(state))}")
        shown = np.array(state["shown"], dtype=np.int64)
        over, elapsed = bool(state["over"]), int(state["elapsed"])
        if shown.ndim != 1 or len(shown) <= self._cue_steps or not ((shown >= 0) & (shown < self._symbols)).all():
            raise ValueError(
                f"shown must be more than {self._cue_steps} symbols, 0 to {self._symbols - 1}; got {shown}"
            )
        if not 0 <= elapsed < len(shown) + over:
            raise ValueError(f"elapsed must be 0 to {len(shown) - 1 + over}; got {elapsed}")
        cue = self._checked(state["cue"])
        self._shown, self._elapsed, self._over = shown, elapsed, over
        self._set(cue)
        return self.observation()

    def _set(self, cue: int) -> None:
        self._cue = cue
        self._shown = self._shown.copy()
        self._shown[: self._cue_steps] = cue

    def _checked(self, symbol: Any) -> int:
        if not 0 <= int(symbol) < self._symbols:
            raise ValueError(f"a symbol is 0 to {self._symbols - 1}; got {symbol!r}")
        return int(symbol)

    def _need_episode(self) -> None:
        if self._over is None:
            raise ResetNeeded("there is no episode yet; call reset first")

    def _need_running(self) -> None:
        self._need_episode()
        if self._over:
            raise ValueError("the episode is over; call reset before an edit")
