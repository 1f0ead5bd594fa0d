/* The player as a Streamlit component. A part of the player's module: player.js says how the parts come together. */

/* Streamlit calls this on every change of its data and theme; the player of the first call lives on. Streamlit may also
 * take the element away and put a new one in its place: what its reader wished is remembered for the next one, unless a
 * command has come since. */
const remembered = { command: null, wish: null };
let reports = 0;

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".rlw-player");
  const { step, token, command } = data.seek;
  // By its command the server knows a report from before.
  const answer = (reached) => setStateValue("step", { step: reached, count: ++reports, command: root.command });
  // Where the server names only a step that this reader has been at, the reader may have gone on since.
  const goal = (obeyed, wish) => (command === obeyed && wish.episode === data.payload.episode_key ? wish.step : step);
  if (!root.player) {
    root.command = command;
    root.player = mountPlayer(root, data.payload, { onStep: answer, seek: step });
    const wished = goal(remembered.command, remembered.wish);
    if (wished !== step) root.player.seek(wished);
  } else {
    const target = token !== root.token ? goal(root.command, root.player.wish()) : null;
    root.command = command;
    root.player.update(data.payload, answer, target, target !== null ? step : null);
  }
  root.token = token;
  return () => {
    if (!root.player) return;
    Object.assign(remembered, { command: root.command, wish: root.player.wish() });
    root.player.destroy();
    root.player = null;
  };
}
