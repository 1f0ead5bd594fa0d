/* The episode player: one self-contained ES module without dependencies, and the head of its documentation.
 *
 * The module is pieces.js, controls.js, truth_panels.js, step_panels.js, time_panels.js, layer_panels.js, this file and component.js, one after the other
 * (in a page of highlights reel.js, which plays short excerpts one after another, stands in component.js's place):
 * `workbench.figures.player.player_source()` gives it whole, together with player.css.
 *
 * It is used in two places:
 *   - Streamlit: `st.components.v2.component(..., html='<div class="rlw-player"></div>', css=<its style>, js=<the module>)`;
 *     the default export of component.js is what Streamlit calls, again and again, with
 *     `data = {payload, seek: {step, token, command}}`: the token changes with every wish of the server to have the step
 *     shown, the command only where the step is not the one that this player was last known to be at.
 *   - a static page: player.css in a style element, an empty div, and a script element of type "module" that holds the
 *     module followed by mountPlayer(document.getElementById("player"), payload). It needs no network and works from file://.
 *     (Write every "<" inside an embedded payload as \u003c, as for any JSON inside a script element.)
 *     `mountPlayer` is also put on `globalThis`.
 *
 * mountPlayer(root, payload, {onStep, seek}) -> {seek(step), update(payload, onStep, step, known), play(), pause(), destroy(), wish()}
 *     payload   what `workbench.figures.player.payload.episode_payload` builds: JSON, arrays as {dtype, shape, data: base64}
 *     onStep    called with the step of the episode shortly after the player comes to rest, and with a step outside the
 *               payload's window when the reader asks for one; leave it out where nobody can answer
 *     seek      the step of the episode to start at
 *     update()  another payload and onStep; with a step, that one is gone to, and playing goes on there; `known` is the
 *               step that the other side takes for this player's
 *     wish()    {episode, step}: where the reader is, or has asked to be
 * While it shows step t, `root.dataset.step` is t and `root.dataset.playing` is "true" or "false".
 *
 * Recordings come from strangers: every text enters the page through textContent, and only data:image URLs become images.
 */

function mountPlayer(root, payload, options = {}) {
  let onStep = options.onStep || null;
  let position = 0, playing = false, speed = 20, owed = 0, previous = 0, request = 0, timer = 0, wantPlay = false;
  let panels = [], controls = null, theme = null, alive = true, drawn = 0, across = 0;
  let wanted = 0; // the step that the reader is at, or has asked for
  let told = null; // the step that the server was told last, or told us
  root.classList.add("rlw-player");
  if (!root.hasAttribute("tabindex")) root.tabIndex = 0;
  root.setAttribute("aria-label", "Episode player");

  const rows = () => payload.window.stop - payload.window.start;
  const positions = () => rows() + (payload.window.has_final ? 1 : 0);
  const step = () => payload.window.start + position;
  const context = { theme: () => theme, seek: (target) => seek(target), redraw: () => draw(), get start() { return payload.window.start; } };

  function report() {
    clearTimeout(timer);
    if (onStep) timer = setTimeout(() => { if (alive && !playing && told !== step()) tell(step()); }, 350);
  }

  function tell(target) {
    wanted = told = target;
    onStep(target);
  }

  function draw() {
    const t = position < rows() ? position : null;
    for (const one of panels) one.draw(t, position);
    controls.update();
    root.dataset.step = String(step());
    root.dataset.drawn = String(++drawn);
  }

  const isLoaded = (target) => target >= payload.window.start && target < payload.window.start + positions();

  const atEnd = () => position >= positions() - 1 && payload.window.stop >= payload.episode.length;

  /* `going`: play on from there, once it is there. */
  function seek(target, going = false) {
    const goal = Math.max(0, Math.min(Math.round(target), payload.episode.last));
    const inside = goal - payload.window.start;
    if (!isLoaded(goal)) {
      pause();
      wantPlay = going;
      clearTimeout(timer); // a report of the step that is being left must not overtake the wish for another
      controls.message(onStep ? `Fetching step ${goal} …` : `This page holds steps ${payload.window.start} to ${payload.window.stop - 1} of the episode; step ${goal} is not among them.`);
      if (onStep) tell(goal);
      return;
    }
    controls.message("");
    position = inside;
    wanted = goal;
    draw();
    if (going && !atEnd()) play();
    if (!playing) report();
  }

  function tick(now) {
    if (!playing || !alive) return;
    owed += ((now - previous) / 1000) * speed;
    previous = now;
    const steps = Math.floor(owed);
    if (steps > 0) {
      owed -= steps;
      const next = position + Math.min(steps, Math.max(1, Math.ceil(speed / 10)));
      if (next >= positions()) {
        position = positions() - 1;
        wanted = step();
        draw();
        if (payload.window.stop < payload.episode.length && onStep) { seek(payload.window.stop, true); return; }
        pause();
        return;
      }
      position = next;
      wanted = step();
      draw();
    }
    request = requestAnimationFrame(tick);
  }

  function play() {
    if (playing) return;
    if (onStep && !isLoaded(wanted)) { wantPlay = true; return; } // it is being fetched
    wantPlay = false;
    if (position >= positions() - 1) {
      if (onStep && !atEnd()) { seek(payload.window.stop, true); return; }
      position = 0;
      wanted = step();
    }
    playing = true; owed = 1; previous = performance.now();
    root.dataset.playing = "true";
    controls.update();
    request = requestAnimationFrame(tick);
  }

  function pause() {
    wantPlay = false;
    if (!playing) return;
    playing = false;
    root.dataset.playing = "false";
    cancelAnimationFrame(request);
    controls.update();
    report();
  }

  function build() {
    root.replaceChildren();
    theme = readTheme(root);
    panels = [];
    context.legend = null;
    controls = controlBar(root, payload, {
      step, pause, seek, toggle: () => (playing || wantPlay ? pause() : play()), end: payload.window.start + positions() - 1,
      get playing() { return playing; }, get speed() { return speed; }, set speed(value) { speed = value; owed = 0; },
    });
    for (const note of payload.notes) make("p", "rlw-warning", note, root);
    if (payload.window.start > 0 || payload.window.stop < payload.episode.length) {
      const paging = make("p", "rlw-paging", null, root);
      make("span", "", `Loaded: steps ${payload.window.start} to ${payload.window.stop - 1} of 0 to ${payload.episode.length - 1}; the timelines show all of them.`, paging);
      if (onStep) {
        const page = (text, target, able) => {
          const button = make("button", "", text, paging);
          button.type = "button"; button.disabled = !able;
          button.addEventListener("click", () => seek(target));
        };
        page("← earlier", payload.window.start - 1, payload.window.start > 0);
        page("later →", payload.window.stop, payload.window.stop < payload.episode.length);
      }
    }
    if (rows() > 0) {
      panels.push(readoutPanel(root, payload));
      across = columnsFor(root.clientWidth);
      const stage = make("div", "rlw-stage", null, root);
      stage.style.setProperty("--rlw-across", String(across));
      arrange(Array.from({ length: across }, () => make("div", "rlw-column", null, stage)));
    } else make("p", "rlw-warning", "This episode has no recorded step.", root);
    make("p", "rlw-keys", "Keys: ← → one step · shift + ← → ten · space play or pause · home, end. Click a timeline to go there.", root);
    redraw();
  }

  /* What belongs together side by side goes first: what was seen, what was done, what went on inside, and the course of
   * the episode. Everything else goes to whichever column ends highest. */
  function arrange(columns) {
    const put = (column, build) => {
      const one = build(column), t = position < rows() ? position : null;
      if (one.redraw) one.redraw();
      one.draw(t, position); // now, so that its height counts
      panels.push(one);
    };
    const emptiest = () => columns.reduce((best, one) => (one.scrollHeight < best.scrollHeight ? one : best));
    const [seen, acted, inside, course] = PLACES[across - 1].map((place) => columns[place]);
    const observations = payload.observations.map((one) => (column) => observationPanel(column, one, payload, context));
    put(seen, payload.frames ? (column) => framePanel(column, payload, context) : observations.shift() || ((column) => nothingSeen(column)));
    put(acted, (column) => actionPanel(column, payload));
    if (payload.layer) put(inside, (column) => layerPanel(column, payload, context));
    put(course, (column) => timelinePanel(column, payload, context));
    const few = observations.length <= 2;
    if (few) for (const observation of observations) put(seen, observation);
    const others = [...(few ? [] : observations), (column) => momentsPanel(column, payload, context)];
    for (const probe of payload.probes) others.push((column) => probePanel(column, probe));
    if (payload.truth.length) others.push((column) => truthPanel(column, payload));
    for (const state of payload.state) others.push((column) => vectorPanel(panel(column, "Memory", state.label), state, context));
    for (const other of others) put(emptiest(), other);
  }

  function redraw() {
    for (const one of panels) if (one.redraw) one.redraw();
    draw();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    const tag = target && target.tagName ? target.tagName.toLowerCase() : "";
    const ours = event.composedPath().includes(root);
    if (tag === "input" && target.type !== "range" && target.type !== "checkbox") return;
    if (["textarea", "select"].includes(tag) || (target && target.isContentEditable)) return;
    if (!ours && target && target.closest && target.closest('[role="combobox"],[role="listbox"],[role="tab"],[role="radiogroup"],[role="slider"],[role="menu"],[role="dialog"],button,a,summary,canvas')) return;
    if (event.key === " " && tag === "button") return;
    const far = event.shiftKey ? 10 : 1;
    const moves = { ArrowRight: () => step() + far, ArrowLeft: () => step() - far, Home: () => 0, End: () => payload.episode.last };
    if (event.key === " ") { playing || wantPlay ? pause() : play(); }
    else if (moves[event.key]) { const aim = moves[event.key](); pause(); seek(aim); }
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", onKey);
  let widthBefore = 0;
  const watch = new ResizeObserver(() => {
    const width = root.clientWidth;
    if (!width || Math.abs(width - widthBefore) <= 1) return;
    widthBefore = width;
    theme = readTheme(root);
    if (rows() > 0 && columnsFor(width) !== across) build();
    else redraw();
  });
  watch.observe(root);
  const themeTimer = setInterval(() => {
    const now = readTheme(root);
    if (theme && now.key !== theme.key) { theme = now; redraw(); }
  }, 700);

  root.dataset.playing = "false";
  position = Math.max(0, Math.min((options.seek || 0) - payload.window.start, positions() - 1));
  wanted = told = step();
  build();

  return {
    seek, play, pause,
    wish: () => ({ episode: payload.episode_key, step: wanted }),
    update(next, answer, target = null, known = null) {
      onStep = answer || null;
      if (known !== null) told = known;
      const going = playing || wantPlay;
      if (next.key === payload.key) {
        const now = readTheme(root);
        if (now.key !== theme.key) { theme = now; redraw(); }
        // Not on from its last step: what lies behind was asked for, and this is the answer.
        if (target !== null) seek(target, going && target < payload.window.start + positions() - 1);
        return;
      }
      const sameEpisode = next.episode_key === payload.episode_key;
      if (playing) { playing = false; cancelAnimationFrame(request); }
      clearTimeout(timer);
      wantPlay = false;
      payload = next;
      root.dataset.playing = "false";
      // Where this window does not hold what the reader was at or has asked for, that is asked for.
      const goal = target !== null ? target : sameEpisode ? wanted : payload.window.start;
      position = Math.max(0, Math.min(goal - payload.window.start, positions() - 1));
      build();
      seek(goal, sameEpisode && going);
    },
    destroy() {
      alive = false;
      cancelAnimationFrame(request); clearTimeout(timer); clearInterval(themeTimer); watch.disconnect();
      document.removeEventListener("keydown", onKey);
      root.replaceChildren();
    },
  };
}

globalThis.mountPlayer = mountPlayer;
