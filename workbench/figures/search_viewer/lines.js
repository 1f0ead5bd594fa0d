/* The table of lines, as a chess program has it, and the board beside it. A part of the viewer's module: viewer.js says how the parts
 * come together. */

const SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]; // of the root's moves: in the table and in the charts
const LONGEST_LINE = 14;
const PLY_MILLISECONDS = 420;
/* What is called otherwise where somebody plays, and where an agent acts. */
const WORDS_OF_GAMES = {
  board: "Board", move: "move", moves: "moves", q: "for the player to move at the root", line: "what both would play",
  end: "the game is over", ends: "ends the game",
};
const WORDS_OF_ENVIRONMENTS = {
  board: "State", move: "action", moves: "actions", q: "the mean return from there on", line: "the most visited actions",
  end: "the episode ends", ends: "ends the episode",
};
const COLUMNS = [
  ["move", "Move", "The move at the root.", "Action", "The action at the root."],
  ["n", "N", "Simulations that went this way."],
  ["share", "Share", "Its part of all simulations: what the search would have the network say. The mark in the bar: the prior."],
  ["prior", "P", "The network's prior, before any noise."],
  ["q", "Q", "Mean of what came back, for the player to move at the root.", "Q", "Mean return that came back: reward and what follows, discounted."],
  ["u", "U", "What selection adds to Q: large where the prior is large and the visits are few."],
  ["net", "V", "The network's own value of the position after the move, for the root's player; of a finished game its outcome.",
    "V", "The value of the state after the action, by itself: the network's, or that of a random rollout; 0 where the episode has ended."],
  ["line", "Line", "The principal variation: what both would play.", "Line", "The principal variation: the most visited action after each other."],
];
const PROVEN_WORDS = { 1: "loses", 2: "draws", 3: "wins" };

const signed = (value, digits = 2) => (Number.isFinite(value) ? `${value > 0 ? "+" : ""}${value.toFixed(digits)}`.replace("-", "−").replace(/^[+−](0\.0+)$/, "$1") : "–");
const percent = (value) => (Number.isFinite(value) ? `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)} %` : "–");

/* One row a root edge, of the tree as it stands. */
function rootRows(view) {
  const { replay } = view, { state } = replay;
  let all = 0;
  for (let edge = 0; edge < replay.R; edge++) all += state.visits[edge];
  return Array.from({ length: replay.R }, (_, edge) => {
    const child = state.child[edge];
    const line = child > 0 ? replay.variation(child) : [];
    const action = replay.edgeAction[edge];
    return {
      edge, action, child, line, move: view.name(action), n: state.visits[edge], share: all ? state.visits[edge] / all : NaN,
      prior: replay.rootPrior[edge], noisy: replay.prior[edge], q: replay.q(edge), u: replay.bonus(edge),
      net: child > 0 ? view.value(child) : NaN, proven: state.edgeProven[edge], ended: child > 0 && replay.terminal[child] === 1,
    };
  });
}

function sortRows(rows, { key, down }) {
  const of = (row) => (key === "line" ? row.line.length : row[key]);
  return [...rows].sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    if (key === "move") return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return (x - y) * (down ? -1 : 1) || b.n - a.n || (b.q || 0) - (a.q || 0) || b.prior - a.prior;
  });
}

function linesTable(parent, view) {
  const sorting = { key: "n", down: true };
  const body = panel(parent, "Lines", "", "rlw-lines");
  const holder = make("div", "rlw-table", null, body.body);
  const table = make("table", "", null, holder);
  const head = make("tr", "", null, make("thead", "", null, table));
  const headings = COLUMNS.map(([key, inGames, hintInGames, inEnvironments, hintInEnvironments]) => {
    const [label, hint] = view.payload.environment && inEnvironments ? [inEnvironments, hintInEnvironments] : [inGames, hintInGames];
    const cell = make("th", `rlw-col-${key}`, null, head);
    cell.scope = "col";
    const button = make("button", "", label, cell);
    button.type = "button";
    button.title = `${hint} Click to sort.`;
    button.addEventListener("click", () => {
      sorting.down = sorting.key === key ? !sorting.down : key !== "move";
      sorting.key = key;
      draw();
    });
    return { key, label, cell, button };
  });
  const rowsOf = make("tbody", "", null, table);
  // By edge, so that a row under the pointer stays the same element while its numbers change.
  const elements = new Map();

  function element(edge) {
    const row = make("tr", "rlw-line");
    row.tabIndex = 0;
    row.dataset.edge = String(edge);
    row.addEventListener("mouseenter", () => view.preview(edge));
    row.addEventListener("mouseleave", () => view.preview(-1));
    row.addEventListener("click", () => view.play(edge));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); view.play(edge); } });
    const cells = Object.fromEntries(COLUMNS.map(([key]) => [key, make("td", `rlw-col-${key}`, null, row)]));
    const swatch = make("span", "rlw-swatch", null, cells.move), move = make("strong", "", "", cells.move), badges = make("span", "rlw-badges", null, cells.move);
    const track = make("span", "rlw-part", null, cells.share), bar = make("span", "rlw-part-bar", null, track), tick = make("span", "rlw-part-tick", null, track);
    const part = make("span", "rlw-part-text", "", cells.share);
    return { row, cells, swatch, move, badges, bar, tick, part };
  }

  function fill(one, row) {
    const colour = view.colourOf(row.edge);
    one.swatch.style.background = colour || "transparent";
    one.move.textContent = row.move;
    one.badges.replaceChildren();
    if (row.action === view.payload.chosen) make("span", "rlw-chip rlw-chip-played", "played", one.badges);
    if (row.proven) make("span", "rlw-chip", PROVEN_WORDS[row.proven], one.badges).title = "Proven: whatever the other side does.";
    one.cells.n.textContent = String(row.n);
    one.bar.style.width = `${100 * (row.share || 0)}%`;
    one.tick.style.left = `${100 * row.prior}%`;
    one.part.textContent = percent(row.share);
    one.cells.prior.textContent = percent(row.prior);
    one.cells.prior.title = row.noisy !== row.prior ? `${percent(row.noisy)} with the root's noise` : "";
    one.cells.q.textContent = signed(row.q);
    one.cells.q.style.color = "";
    one.cells.u.textContent = row.u === Infinity ? "∞" : Number.isFinite(row.u) ? row.u.toFixed(2) : "–";
    one.cells.net.textContent = signed(row.net);
    const words = row.line.slice(1, LONGEST_LINE).map((node) => view.name(view.replay.action[node])).join(" ");
    one.cells.line.textContent = `${words}${row.line.length > LONGEST_LINE ? " …" : ""}` || (row.n ? (row.ended ? view.words.ends : "–") : "not tried");
    one.row.classList.toggle("rlw-here", view.pinnedEdge() === row.edge);
    one.row.setAttribute("aria-label", `${row.move}: ${row.n} visits, Q ${signed(row.q)}`);
  }

  function draw() {
    const sorted = sortRows(rootRows(view), sorting);
    for (const { key, label, cell, button } of headings) {
      const here = key === sorting.key;
      cell.setAttribute("aria-sort", here ? (sorting.down ? "descending" : "ascending") : "none");
      button.textContent = here ? `${label} ${sorting.down ? "▾" : "▴"}` : label;
    }
    const wanted = sorted.map((row) => {
      if (!elements.has(row.edge)) elements.set(row.edge, element(row.edge));
      fill(elements.get(row.edge), row);
      return elements.get(row.edge).row;
    });
    wanted.forEach((node, place) => { if (rowsOf.children[place] !== node) rowsOf.insertBefore(node, rowsOf.children[place] || null); });
    const best = view.replay.bestEdge(0);
    const favourite = sorted.reduce((a, b) => (b.prior > a.prior ? b : a), sorted[0]);
    body.note.textContent = view.k() === 0 ? `the network alone prefers ${favourite ? favourite.move : "nothing"}`
      : best < 0 ? "" : `search: ${view.name(view.replay.edgeAction[best])} · network: ${favourite.move}`;
  }
  return { draw, section: body.section };
}

/* The board of the place that is looked at, its line to step through, and its statistics. */
function boardPanel(parent, view, title) {
  const box = panel(parent, title, "", "rlw-boardbox");
  const { board, picture, environment } = view.payload;
  const drawn = board ? boardView(make("div", "rlw-boardholder", null, box.body), board, view.payload.actions) : null;
  const frame = environment ? frameView(box.body, view) : null;
  if (!frame && !drawn && picture) {
    const image = make("img", "rlw-frame-picture", null, make("div", "rlw-picture", null, box.body));
    if (picture.startsWith("data:image/")) image.src = picture;
    image.alt = view.payload.picture_words;
    make("p", "rlw-hint", view.payload.picture_words, box.body);
  } else if (!frame && !drawn) make("p", "rlw-hint", "There is no board: the game is not at hand, or its positions were not kept.", box.body);
  const away = make("p", "rlw-hint", "", box.body);
  const bar = make("div", "rlw-plies", null, box.body);
  const button = (name, label, action) => {
    const node = make("button", "", null, bar);
    node.type = "button"; node.title = label; node.setAttribute("aria-label", label);
    node.appendChild(icon(name));
    node.addEventListener("click", action);
    return node;
  };
  const buttons = [
    button("first", "To the root", () => view.goPly(0)), button("back", `One ${view.words.move} back`, () => view.goPly(view.ply() - 1)),
    button("forward", `One ${view.words.move} on`, () => view.goPly(view.ply() + 1)), button("last", "To the end of the line", () => view.goPly(Infinity)),
  ];
  const moves = make("span", "rlw-moves", null, bar);
  const facts = make("dl", "rlw-facts", null, box.body);

  function statistics(node) {
    const { replay } = view, { state } = replay, edge = replay.incoming[node];
    const mover = view.payload.players[replay.player[node]] || `player ${replay.player[node] + 1}`;
    const over = replay.terminal[node] === 1;
    const rows = [
      ["N", String(state.nodeVisits[node]), "visits of this position, its own evaluation counted"],
      ["Q", signed(replay.rootQ(node), 3), environment ? "the mean return through here, from the state above on" : "for the root's player: the mean of what came back through here"],
      environment ? ["V", signed(view.value(node), 3), "the value of this state by itself; 0 where the episode has ended"]
        : [over ? "outcome" : "V", signed(view.value(node), 3), "for the root's player: what the network says of it, or how the game ended"],
    ];
    if (edge >= 0) {
      rows.push(["P", percent(replay.prior[edge]), `prior of the ${view.words.move} that leads here`]);
      const u = replay.bonus(edge);
      if (Number.isFinite(u)) rows.push(["U", u.toFixed(3), `what selection adds to Q of the ${view.words.move} that leads here`]);
      if (replay.reward && (environment || replay.reward[node])) rows.push(["reward", number(replay.reward[node]), `of the ${view.words.move} that leads here`]);
      if (environment) rows.push(["of its N", percent(state.nodeVisits[node] / Math.max(1, state.visits[edge])), "how often this action led here, of all that took it: below 100 % it was chance"]);
    }
    if (state.proven[node]) rows.push(["proven", `${mover} ${PROVEN_WORDS[state.proven[node]]}`, "whatever the other side does"]);
    if (!environment) rows.push(["to move", over ? "nobody: it is over" : mover, ""]);
    else if (over) rows.push(["here", view.words.end, "it terminates, or a step limit cuts it off"]);
    const made = view.madeAt(node);
    if (made > 0) rows.push(["made in", `sim. ${made}`, "the simulation that ended here first"]);
    facts.replaceChildren();
    for (const [name, value, hint] of rows) {
      const pair = make("div", "rlw-pair", null, facts);
      pair.title = hint;
      make("dt", "", name, pair);
      make("dd", "", value, pair);
    }
  }

  function draw() {
    const { line, ply } = view.looked();
    const node = line[ply], { replay } = view;
    if (frame) frame.show(node, line, ply);
    const cells = drawn ? view.cells(node) : null;
    if (cells) {
      const numbers = {}, base = Math.max(0, view.looked().from);
      let last = -1;
      for (let i = 1; i <= ply; i++) {
        const before = view.cells(line[i - 1]), after = view.cells(line[i]);
        if (!before || !after) continue;
        last = changedCell(before, after);
        if (i > base && last >= 0) numbers[last] = String(i);
      }
      const shares = {};
      if (ply === 0 && view.k() > 0) for (const row of rootRows(view)) shares[row.action] = row.share;
      drawn.show({ cells, last, numbers, shares });
    }
    away.textContent = drawn && !cells ? "The board of this node was not sent along: the search is large."
      : !replay.state.nodeVisits[node] ? `Not there yet after ${view.k()} simulation${view.k() === 1 ? "" : "s"}.` : "";
    moves.replaceChildren();
    line.forEach((one, i) => {
      if (i === 0) return;
      const move = make("button", `rlw-ply${i === ply ? " rlw-here" : ""}`, view.name(replay.action[one]), moves);
      move.type = "button";
      move.addEventListener("click", () => view.goPly(i));
    });
    // A long line is scrolled to where it is looked at.
    const at = moves.children[ply - 1];
    moves.scrollTop = at ? at.offsetTop - moves.offsetTop - moves.clientHeight / 2 : 0;
    if (line.length === 1) make("span", "rlw-note", `no ${view.words.move} yet`, moves);
    buttons[0].disabled = buttons[1].disabled = ply === 0;
    buttons[2].disabled = buttons[3].disabled = ply >= line.length - 1;
    box.note.textContent = ply === 0 ? "at the root" : `after ${ply} ${ply === 1 ? view.words.move : view.words.moves}`;
    statistics(node);
  }
  return { draw };
}
