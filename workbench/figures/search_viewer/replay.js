/* A search, replayed to any simulation. A part of the viewer's module: viewer.js says how the parts come together.
 *
 * It does what `workbench.search.replay.rebuild` does, in the same order, so that N, W and what is proven are the same to the
 * last bit: sums are of doubles, and a proof is carried up as `tree.back_up` carries it. tests/figures/search_viewer/test_search_viewer.py
 * holds the two side by side. */

const LOST = 1, DRAWN = 2, WON = 3; // proven, for the player to move; 0: not

function searchReplay(payload) {
  const read = (name) => (payload[name] ? decodeArray(payload[name]).values : null);
  const parent = read("parent"), action = read("action"), incoming = read("incoming"), player = read("player"), value = read("value");
  const terminal = read("terminal"), reward = read("reward"), first = read("first_edge"), edgeAction = read("edge_action");
  const prior = read("prior"), rootPrior = read("root_prior"), leaf = read("leaf"), backedUp = read("backed_up");
  const N = parent.length, E = edgeAction.length, { rules } = payload;
  const owner = new Int32Array(E);
  for (let node = 0; node < N; node++) for (let edge = first[node]; edge < first[node + 1]; edge++) owner[edge] = node;
  const depth = new Int32Array(N), rootEdge = new Int32Array(N).fill(-1);
  for (let node = 1; node < N; node++) {
    depth[node] = depth[parent[node]] + 1;
    rootEdge[node] = parent[node] === 0 ? incoming[node] : rootEdge[parent[node]];
  }
  const children = Array.from({ length: N }, () => []);
  for (let node = 1; node < N; node++) children[parent[node]].push(node);

  const state = {
    k: 0, nodeVisits: new Int32Array(N), visits: new Int32Array(E), valueSum: new Float64Array(E),
    proven: new Uint8Array(N), edgeProven: new Uint8Array(E), child: new Int32Array(E).fill(-1),
  };

  function reset() {
    state.k = 0;
    for (const one of [state.nodeVisits, state.visits, state.valueSum, state.proven, state.edgeProven]) one.fill(0);
    state.child.fill(-1);
    state.nodeVisits[0] = 1;
  }

  const view = (a, b) => (player[a] === player[b] ? 1 : -1);

  function prove(from) {
    let node = from;
    while (incoming[node] >= 0) {
      const above = parent[node], edge = incoming[node];
      state.edgeProven[edge] = view(above, node) * (state.proven[node] - 2) + 2;
      node = above;
      if (state.proven[node]) return;
      let best = LOST, all = true;
      for (let other = first[node]; other < first[node + 1]; other++) {
        all = all && state.edgeProven[other] !== 0;
        best = Math.max(best, state.edgeProven[other]);
      }
      if (best !== WON && !all) return;
      state.proven[node] = best;
    }
  }

  function simulate(number) {
    const end = leaf[number];
    if (!state.nodeVisits[end] && incoming[end] >= 0) state.child[incoming[end]] = end;
    if (rules.prove && terminal[end] && !state.proven[end]) state.proven[end] = Math.trunc(value[end]) + 2;
    let node = end, brought = backedUp[number];
    for (;;) {
      state.nodeVisits[node] += 1;
      const edge = incoming[node];
      if (edge < 0) break;
      const above = parent[node];
      brought = (reward ? reward[node] : 0) + rules.discount * view(above, node) * brought;
      state.visits[edge] += 1;
      state.valueSum[edge] += brought;
      node = above;
    }
    if (rules.prove && state.proven[end]) prove(end);
    state.k = number + 1;
  }

  /* Bring the state to the tree after k simulations. */
  function seek(k) {
    if (!leaf) return state;
    const goal = Math.max(0, Math.min(k, leaf.length));
    if (goal < state.k) reset();
    while (state.k < goal) simulate(state.k);
    return state;
  }

  reset();
  if (!leaf) {
    state.k = payload.simulations;
    state.nodeVisits.set(decodeArray(payload.final.node_visits).values);
    state.visits.set(decodeArray(payload.final.visits).values);
    state.valueSum.set(decodeArray(payload.final.value_sum).values);
    for (let node = 1; node < N; node++) state.child[incoming[node]] = node;
  }

  const q = (edge) => (state.visits[edge] ? state.valueSum[edge] / state.visits[edge] : NaN);
  const forRoot = (node) => view(0, node);

  /* Q of a node as the root's player sees it: of the edge that leads to it; of the root the mean of all that came back. */
  function rootQ(node) {
    if (node > 0) return forRoot(parent[node]) * q(incoming[node]);
    let sum = value[0], count = 1;
    for (let edge = first[0]; edge < first[1]; edge++) { sum += state.valueSum[edge]; count += state.visits[edge]; }
    return Number.isNaN(value[0]) ? NaN : sum / count;
  }

  /* What an edge of a node has beyond its Q; NaN where selection's score has no such form. */
  function bonus(edge) {
    const here = state.nodeVisits[owner[edge]], n = state.visits[edge];
    if (!here || rules.scaled || state.edgeProven[edge] === WON || state.edgeProven[edge] === LOST) return NaN;
    if (rules.rule === "uct") return n ? rules.exploration * Math.sqrt(Math.log(Math.max(here, 1)) / n) : Infinity;
    if (rules.rule !== "puct") return NaN;
    const base = rules.exploration_base;
    const c = rules.exploration + (base ? Math.log((here + base + 1) / base) : 0);
    return (c * Math.sqrt(here) * prior[edge]) / (1 + n);
  }

  /* The edge that would be played: as `layout.principal_variation` has it. */
  function bestEdge(node) {
    const from = first[node], to = first[node + 1];
    let won = false, open = false;
    for (let edge = from; edge < to; edge++) { won ||= state.edgeProven[edge] === WON; open ||= state.edgeProven[edge] !== LOST; }
    const allowed = (edge) => (won ? state.edgeProven[edge] === WON : !open || state.edgeProven[edge] !== LOST);
    const better = (a, b) => { // whether a goes before b
      if (allowed(a) !== allowed(b)) return allowed(a);
      if (state.visits[a] !== state.visits[b]) return state.visits[a] > state.visits[b];
      const qa = state.visits[a] ? q(a) : -Infinity, qb = state.visits[b] ? q(b) : -Infinity;
      return qa !== qb ? qa > qb : prior[a] > prior[b];
    };
    let best = -1;
    for (let edge = from; edge < to; edge++) if (best < 0 || better(edge, best)) best = edge;
    return best;
  }

  /* The nodes from a node on, where both play what they would play; it is the first of them. */
  function variation(node) {
    const line = [node];
    for (;;) {
      const edge = bestEdge(line[line.length - 1]);
      const next = edge < 0 ? -1 : state.child[edge];
      if (next < 0 || !state.visits[edge] || !state.nodeVisits[next]) return line;
      line.push(next);
    }
  }

  function path(node) {
    const nodes = [node];
    while (parent[nodes[0]] >= 0) nodes.unshift(parent[nodes[0]]);
    return nodes;
  }

  /* N and Q of the root's edges at some simulations, from a pass of its own: {at, visits: [edge][place], q: [edge][place]}. */
  function history(places) {
    const R = first[1];
    const steps = Math.min(places, leaf ? leaf.length : 0);
    const at = Array.from({ length: steps + 1 }, (_, i) => Math.round((i / Math.max(steps, 1)) * (leaf ? leaf.length : 0)));
    const found = { at, visits: Array.from({ length: R }, () => []), q: Array.from({ length: R }, () => []) };
    if (!leaf) return found;
    const back = state.k;
    reset();
    for (const k of at) {
      seek(k);
      for (let edge = 0; edge < R; edge++) { found.visits[edge].push(state.visits[edge]); found.q[edge].push(q(edge)); }
    }
    seek(back);
    return found;
  }

  return {
    state, seek, q, rootQ, forRoot, bonus, bestEdge, variation, path, history, rootEdge, depth, owner, children,
    parent, action, incoming, player, value, terminal, reward, first, edgeAction, prior, rootPrior, N, E, R: first[1],
    simulations: leaf ? leaf.length : payload.simulations,
  };
}
