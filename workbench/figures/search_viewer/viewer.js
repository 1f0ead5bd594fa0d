/* The viewer of one search: one self-contained ES module without dependencies, and the head of its documentation.
 *
 * The module is the player's pieces.js, then replay.js, board.js, frames.js, lines.js, tree.js, charts.js, priors.js, this file and
 * component.js, one after the other: `workbench.figures.search_viewer.search_source()` gives it whole, with the player's style and search.css.
 *
 * mountSearch(root, payload, node = 0) -> {seek(k), pin(node), tell(listener), asks(asked), frames(found), redraw(), destroy(), where(node)}
 *     root      an element of the classes rlw-player and rlw-search
 *     node      which is looked at to begin with
 *     listener  is told the node that is looked at, whenever that is another for a moment; null: nobody is
 *     payload   what `workbench.figures.search_viewer.search_payload` builds: JSON, arrays as {dtype, shape, data: base64}
 *     asked     is called with {key, nodes} where pictures of nodes are wanted; they come back through `frames`
 * All that moves runs here: the slider replays the search to its simulation without asking anybody.
 * While it shows the tree after k simulations, `root.dataset.simulation` is k, and `root.dataset.node` the node that is looked at.
 *
 * Recordings come from strangers: every text enters the page through textContent, and only data:image URLs become images. */

const TOLD_AFTER = 200; // milliseconds at one node: who walks on is not followed step by step

function mountSearch(root, payload, node = 0) {
  const replay = searchReplay(payload), simulations = replay.simulations;
  let k = simulations, pinned = 0, line = [0], ply = 0, previewed = null, theme = null, alive = true;
  let playing = 0, walking = 0, waiting = 0, listener = null, told = node, telling = 0;
  replay.seek(k);
  const history = replay.history(PLACES_OF_HISTORY);
  const made = new Int32Array(replay.N);
  if (payload.leaf) decodeArray(payload.leaf).values.forEach((node, number) => { if (!made[node]) made[node] = number + 1; });
  const boards = payload.board ? decodeArray(payload.board.cells) : null;
  const coloured = [...Array(replay.R).keys()].sort((a, b) => replay.state.visits[b] - replay.state.visits[a] || a - b).slice(0, SERIES.length);
  const colours = new Map(coloured.map((edge, i) => [edge, SERIES[i]]));
  // Colours of games span −1 to 1; those of returns what there is, about the root's own.
  const middle = payload.environment && Number.isFinite(replay.rootQ(0)) ? replay.rootQ(0) : 0;
  let limit = payload.environment ? 1e-9 : 1;
  for (let node = 0; node < replay.N; node++) {
    const q = replay.rootQ(node);
    if (Number.isFinite(q)) limit = Math.max(limit, Math.abs(q - middle));
  }

  const frames = frameStore(payload, soon);
  const level = (q) => Math.max(0, Math.min(254, Math.round(((q - middle) / limit) * 127 + 127)));
  const view = {
    payload, replay, simulations, history,
    k: () => k, ply: () => ply, theme: () => theme, coloured: () => coloured,
    name: (action) => payload.actions[action] ?? String(action),
    value: (node) => replay.forRoot(node) * replay.value[node],
    cells: (node) => (boards && node < boards.shape[0] ? boards.row(node) : null),
    madeAt: (node) => made[node],
    words: payload.environment ? WORDS_OF_ENVIRONMENTS : WORDS_OF_GAMES,
    frame: frames.get, wantFrames: frames.want,
    colour: (q) => (Number.isFinite(q) ? css(theme.diverging[level(q)]) : theme.dark ? "#4a545e" : "#d8dde3"),
    inkOn: (q) => {
      const far = Math.abs((q - middle) / limit);
      return theme.dark ? (far > 0.55 ? "#0c1116" : "#e8edf2") : far > 0.62 ? "#ffffff" : "#1c2733";
    },
    colourOf: (edge) => colours.get(edge) || "",
    lineColour: () => (theme.dark ? "#d7dee6" : "#3b4956"),
    accent: () => getComputedStyle(root).getPropertyValue("--rlw-accent").trim() || "#0b6fb8",
    pinnedEdge: () => (pinned ? replay.rootEdge[pinned] : -1),
    looked: () => previewed || { line, ply, from: 0 },
    preview(edge) {
      const child = edge < 0 ? -1 : replay.state.child[edge];
      const found = child > 0 && replay.state.visits[edge] ? [0, ...replay.variation(child)] : null;
      previewed = found && !walking ? { line: found, ply: found.length - 1, from: 0 } : null;
      soon();
    },
    play(edge) {
      const child = replay.state.child[edge];
      if (child <= 0 || !replay.state.visits[edge]) return;
      view.pin(child);
      previewed = null;
      walking = setInterval(() => {
        if (ply >= line.length - 1) { stopWalking(); soon(); return; }
        ply += 1;
        soon();
      }, PLY_MILLISECONDS);
    },
    pin(node) {
      stopWalking();
      previewed = null;
      pinned = node;
      line = [...replay.path(node), ...replay.variation(node).slice(1)];
      ply = replay.depth[node];
      soon();
    },
    goPly(target) {
      stopWalking();
      previewed = null;
      ply = Math.max(0, Math.min(target, line.length - 1));
      soon();
    },
    seek(target) {
      stopPlaying();
      go(target);
    },
  };

  function go(target) {
    k = Math.max(0, Math.min(Math.round(target), simulations));
    replay.seek(k);
    previewed = null;
    line = [...replay.path(pinned), ...replay.variation(pinned).slice(1)];
    ply = Math.min(ply, line.length - 1);
    soon();
  }

  function stopWalking() { clearInterval(walking); walking = 0; }
  function stopPlaying() { cancelAnimationFrame(playing); playing = 0; }

  function togglePlaying() {
    if (playing) { stopPlaying(); soon(); return; }
    const from = k >= simulations ? 0 : k, began = performance.now(), whole = Math.min(9000, 1500 + simulations * 12);
    const step = (now) => {
      if (!alive) return;
      const at = from + ((now - began) / whole) * simulations;
      go(at);
      playing = at < simulations ? requestAnimationFrame(step) : 0;
      if (!playing) soon();
    };
    playing = requestAnimationFrame(step);
  }

  root.replaceChildren();
  root.classList.add("rlw-player", "rlw-search");
  const bar = make("div", "rlw-controls", null, root);
  let slider = null, entry = null, toggle = null;
  if (payload.replayable) {
    const button = (name, label, action) => {
      const node = make("button", "", null, bar);
      node.type = "button"; node.title = label; node.setAttribute("aria-label", label);
      node.appendChild(icon(name));
      node.addEventListener("click", action);
      return node;
    };
    button("first", "Before the first simulation", () => view.seek(0));
    button("back", "One simulation back", () => view.seek(k - 1));
    toggle = button("play", "Play the search", togglePlaying);
    toggle.classList.add("rlw-play");
    button("forward", "One simulation on", () => view.seek(k + 1));
    button("last", "After the last simulation", () => view.seek(simulations));
    slider = make("input", "rlw-slider", null, bar);
    Object.assign(slider, { type: "range", min: 0, max: simulations, step: 1 });
    slider.setAttribute("aria-label", "Simulations");
    slider.addEventListener("input", () => view.seek(Number(slider.value)));
    const place = make("label", "rlw-place", "after ", bar);
    entry = make("input", "", null, place);
    Object.assign(entry, { type: "number", min: 0, max: simulations, step: 1 });
    entry.setAttribute("aria-label", "Go to simulation");
    entry.addEventListener("change", () => view.seek(Number(entry.value) || 0));
    make("span", "", ` of ${simulations} simulation${simulations === 1 ? "" : "s"}`, place);
  } else make("span", "rlw-place", `the tree after ${simulations} simulations; the order in which they came was not kept`, bar);
  const scale = make("span", "rlw-scale", null, bar);
  make("span", "", payload.environment ? `Q ${number(middle - limit)}` : `Q −${number(limit)}`, scale);
  const gradient = make("canvas", "", null, scale);
  make("span", "", payload.environment ? number(middle + limit) : `+${number(limit)}`, scale);
  scale.title = payload.environment ? "Colours: the mean return that came back; that of the root is in the middle."
    : "Colours: the mean of what came back, for the player to move at the root; 0 in the middle.";

  const upper = make("div", "rlw-upper", null, root);
  const first = make("div", "rlw-column", null, upper);
  const table = linesTable(first, view), priors = priorChart(first, view);
  const board = boardPanel(upper, view, view.words.board);
  const second = make("div", "rlw-middle", null, root);
  const tree = treePanel(second, view);
  const beside = boardPanel(second, view, "Node");
  const lower = make("div", "rlw-lower", null, root);
  const sized = [];
  if (payload.replayable) {
    sized.push(historyChart(lower, view, "visits", "N over simulations", `visits of the root's ${view.words.moves}`));
    sized.push(historyChart(lower, view, "q", "Q over simulations", view.words.q));
  }
  sized.push(priors, iciclePanel(root, view));
  tree.legend.textContent = `Size and width: √N. Colour: Q, ${view.words.q}. Ring: prior of the ${view.words.move}. Dark line: ${view.words.line}. `
    + `Square: ${view.words.end}. Drag to move; click the tree, or hold Ctrl, to zoom with the wheel; double click to begin anew; arrow keys walk.`;
  const drawers = [table, board, tree, beside, ...sized];

  function draw() {
    waiting = 0;
    if (!alive) return;
    if (slider) {
      slider.value = String(k);
      if (bar.getRootNode().activeElement !== entry) entry.value = String(k);
      toggle.replaceChildren(icon(playing ? "pause" : "play"));
    }
    for (const one of drawers) one.draw();
    const looked = view.looked();
    Object.assign(root.dataset, { simulation: String(k), node: String(looked.line[looked.ply]), ready: payload.key });
    tellSoon();
  }

  function tellSoon() {
    clearTimeout(telling);
    if (!listener || previewed || walking || line[ply] === told) return;
    telling = setTimeout(() => { told = line[ply]; if (alive && listener) listener(told); }, TOLD_AFTER);
  }

  function soon() { if (!waiting) waiting = requestAnimationFrame(draw); }

  function readColours() {
    const found = readTheme(root);
    if (theme && theme.key === found.key) return;
    theme = found;
    const context = fitCanvas(gradient, 90, 10);
    for (let x = 0; x < 90; x++) { context.fillStyle = css(theme.diverging[Math.round((x / 89) * 254)]); context.fillRect(x, 0, 1, 10); }
  }

  function resize() {
    if (!alive || !root.clientWidth) return;
    readColours();
    tree.resize(tree.section.querySelector(".rlw-body").clientWidth);
    for (const one of sized) one.resize(one.body.clientWidth);
    soon();
  }

  readColours();
  const watcher = new ResizeObserver(resize);
  watcher.observe(root);
  resize();
  if (node > 0 && node < replay.N) view.pin(node);
  root.tabIndex = -1;
  const handle = {
    key: payload.key, seek: view.seek, pin: view.pin, where: tree.where,
    tell(next) { listener = next; tellSoon(); },
    asks: frames.asks, frames: frames.take,
    redraw() { readColours(); soon(); },
    destroy() {
      alive = false;
      clearTimeout(telling);
      frames.destroy(); stopWalking(); stopPlaying(); watcher.disconnect(); root.replaceChildren();
    },
  };
  root.search = handle;
  return handle;
}

globalThis.mountSearch = mountSearch;
