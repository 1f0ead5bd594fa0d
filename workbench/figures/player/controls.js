/* The bar of buttons, the slider, the step and the speed. A part of the player's module: player.js says how the parts come together. */

/* `player` has step(), playing, end (the last position loaded), speed (may be set), pause(), toggle(), seek(step). */
function controlBar(parent, payload, player) {
  const jump = (step) => { player.pause(); player.seek(step); };
  const bar = make("div", "rlw-controls", null, parent);
  const button = (text, label, action) => {
    const node = make("button", "", null, bar);
    node.appendChild(icon(text));
    node.type = "button"; node.title = label; node.setAttribute("aria-label", label.split(" (")[0]);
    node.addEventListener("click", action);
    return node;
  };
  button("first", "First step (Home)", () => jump(0));
  button("back", "One step back (←)", () => jump(player.step() - 1));
  const toggle = button("play", "Play (space)", () => player.toggle());
  toggle.classList.add("rlw-play");
  button("forward", "One step forward (→)", () => jump(player.step() + 1));
  button("last", "Last step (End)", () => jump(payload.episode.last));
  const slider = make("input", "rlw-slider", null, bar);
  Object.assign(slider, { type: "range", min: payload.window.start, max: player.end, step: 1 });
  slider.setAttribute("aria-label", "Step");
  slider.addEventListener("input", () => player.seek(Number(slider.value)));
  const place = make("label", "rlw-place", "step ", bar);
  const actions = payload.episode.length, lastAction = Math.max(0, actions - 1), after = payload.episode.last > lastAction;
  const span = actions > 1 ? `0 to ${lastAction}` : "0";
  place.title = `${actions} action${actions === 1 ? "" : "s"}: step${actions === 1 ? "" : "s"} ${span}.` + (after ? ` Step ${actions} is what was observed after the last action.` : "");
  const entry = make("input", "", null, place);
  Object.assign(entry, { type: "number", min: 0, max: payload.episode.last, step: 1 });
  entry.setAttribute("aria-label", "Jump to step");
  entry.addEventListener("change", () => {
    const wanted = Number(entry.value), there = Number.isInteger(wanted) && wanted >= 0 && wanted <= payload.episode.last;
    jump(wanted);
    if (!there) tell(`There is no step ${entry.value}: they are ${span}${after ? `, and ${actions} after the last action` : ""}.`);
  });
  const where = make("span", "rlw-where", "", place);
  const select = make("select", "", null, bar);
  select.setAttribute("aria-label", "Speed in steps a second");
  const fps = payload.environment_fps;
  const speeds = [...new Set([...SPEEDS, ...(fps && fps <= 120 ? [Math.round(fps)] : [])])].sort((a, b) => a - b);
  for (const value of speeds) {
    const option = make("option", "", value === Math.round(fps) ? `${value} steps/s (real time)` : `${value} steps/s`, select);
    option.value = String(value);
  }
  select.value = String(player.speed);
  select.addEventListener("change", () => { player.speed = Number(select.value); });
  const message = make("span", "rlw-message", "", bar);
  const tell = (text) => { if (message.textContent !== text) message.textContent = text; };
  return {
    message: tell,
    update() {
      toggle.replaceChildren(icon(player.playing ? "pause" : "play"));
      toggle.title = player.playing ? "Pause (space)" : "Play (space)";
      toggle.setAttribute("aria-label", player.playing ? "Pause" : "Play");
      slider.value = String(player.step());
      const active = bar.getRootNode().activeElement;
      if (active !== entry) entry.value = String(player.step());
      where.textContent = player.step() > lastAction ? " after the last action" : ` of ${span}`;
    },
  };
}
