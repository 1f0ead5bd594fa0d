/* A reel: excerpts of episodes played one after another in one player. It stands behind player.js in one module.
 *
 * mountReel(root, reel) -> {show(place), play(), pause(), destroy()}
 *     reel      {key, moments: [{payload, step, label, text, address}]}: each moment's window as the player takes it, the step that it is
 *               about, a short label for its button, a line that says why it is shown, and an address to go to (or null)
 * While moment k (from 0) is shown, `root.dataset.moment` is k; `root.dataset.running` is "true" while the reel plays on by itself.
 */

const BETWEEN = 900; // milliseconds that a moment's last picture stays before the next one begins
const AT_MOMENT = 700; // and that the moment itself is held

const lastOf = ({ payload: { window } }) => window.stop - (window.has_final ? 0 : 1);

function mountReel(root, reel) {
  let place = 0, running = false, alive = true, next = 0, held = false;
  root.classList.add("rlw-player", "rlw-reel");
  root.replaceChildren();
  const bar = make("div", "rlw-moments", null, root);
  const all = make("button", "rlw-all", "▶ Play all", bar);
  all.type = "button";
  all.addEventListener("click", () => (running ? pause() : play()));
  const buttons = reel.moments.map((moment, index) => {
    const button = make("button", "", moment.label, bar);
    button.type = "button";
    button.title = moment.text;
    button.addEventListener("click", () => { pause(); show(index); });
    return button;
  });
  const caption = make("p", "rlw-reel-caption", null, root);
  caption.setAttribute("aria-live", "polite");
  const stage = make("div", "", null, root);
  const player = mountPlayer(stage, reel.moments[0].payload, { seek: reel.moments[0].payload.window.start });

  function label() {
    all.textContent = running ? "❚❚ Pause" : "▶ Play all";
    root.dataset.running = String(running);
    root.dataset.moment = String(place);
    buttons.forEach((button, index) => {
      button.classList.toggle("rlw-current", index === place);
      button.setAttribute("aria-pressed", String(index === place));
    });
  }

  function show(index) {
    place = index;
    held = false;
    const moment = reel.moments[index];
    player.update(moment.payload, null, moment.payload.window.start);
    caption.replaceChildren();
    make("strong", "", `${index + 1} of ${reel.moments.length}: `, caption);
    caption.append(moment.text);
    label();
  }

  /* The player says where it is by its element's data, and stops at the end of a window by itself. */
  function watch() {
    if (!alive) return;
    const moment = reel.moments[place], step = Number(stage.dataset.step);
    caption.classList.toggle("rlw-here", step === moment.step);
    if (!running || performance.now() < next) return;
    if (step >= moment.step && !held) {
      held = true;
      player.pause();
      player.seek(moment.step);
      next = performance.now() + AT_MOMENT;
      return;
    }
    if (stage.dataset.playing === "true") return;
    if (step < lastOf(moment)) { player.play(); return; }
    if (place + 1 >= reel.moments.length) { pause(); return; }
    next = performance.now() + BETWEEN;
    setTimeout(() => { if (alive && running) show(place + 1); }, BETWEEN / 2);
  }

  function play() {
    running = true;
    // From the beginning, where the reel has come to its end.
    const moment = reel.moments[place];
    const over = place + 1 === reel.moments.length && Number(stage.dataset.step) >= lastOf(moment);
    if (over) show(0);
    next = performance.now() + BETWEEN / 2;
    label();
  }

  function pause() {
    running = false;
    player.pause();
    label();
  }

  const timer = setInterval(watch, 20);
  show(0);
  return {
    show, play, pause,
    destroy() { alive = false; clearInterval(timer); player.destroy(); root.replaceChildren(); },
  };
}

globalThis.mountReel = mountReel;

/* What Streamlit calls on every change of its data. */
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".rlw-reel-root");
  if (root.reel && root.key !== data.reel.key) { root.reel.destroy(); root.reel = null; }
  if (!root.reel) {
    root.reel = mountReel(root, data.reel);
    root.key = data.reel.key;
  }
  return () => {
    if (root.reel) root.reel.destroy();
    root.reel = null;
  };
}
