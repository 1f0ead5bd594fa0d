/* Pictures of an environment at the nodes of a search, asked for where they are looked at. A part of the viewer's module: viewer.js says
 * how the parts come together.
 *
 * payload.environment = {on_demand, why_not}; pictures come as {key, urls, of: [[node, place in urls] …], words: [[node, sentence] …],
 * drawn: [node …]}, where `drawn` are those whose state looks the same to the agent, and may not be the very one. */

const DRAWN_AGAIN = "Chance was drawn anew on the way here: what the agent does not see may be otherwise.";
const FRAMES_AT_ONCE = 16, PAUSE_BEFORE_ASKING = 90, PATIENCE = 20000, MOST_ASKED = 2;

/* What is known of nodes' pictures: get(node) gives {url} or {words}, want(nodes) has the missing ones asked for. */
function frameStore(payload, changed) {
  const known = new Map(), times = new Map();
  const { environment } = payload;
  let wanted = [], timer = 0, asked = 0, ask = null;
  if (environment && payload.picture) known.set(0, { url: payload.picture });

  function send() {
    timer = 0;
    const missing = wanted.filter((node) => !known.has(node)).slice(0, FRAMES_AT_ONCE);
    if (!missing.length || !ask) return;
    if (asked && performance.now() - asked < PATIENCE) {
      timer = setTimeout(send, PATIENCE);
      return;
    }
    const first = missing[0];
    times.set(first, (times.get(first) || 0) + 1);
    if (times.get(first) > MOST_ASKED) {
      known.set(first, { words: "The picture of this state did not come." });
      changed();
      return;
    }
    asked = performance.now();
    ask({ key: payload.key, nodes: missing });
  }

  const soon = () => { clearTimeout(timer); timer = setTimeout(send, PAUSE_BEFORE_ASKING); };

  return {
    get(node) {
      const found = known.get(node);
      if (found) return found;
      return environment && !environment.on_demand ? { words: environment.why_not } : null;
    },
    want(nodes) {
      if (!environment || !environment.on_demand) return;
      wanted = [...new Set(nodes)];
      if (wanted.some((node) => !known.has(node))) soon();
    },
    take(found) {
      if (!found || found.key !== payload.key) return;
      for (const [node, place] of found.of) {
        const url = String(found.urls[place]);
        if (!known.get(node)?.url && url.startsWith("data:image/")) known.set(node, { url, drawn: found.drawn.includes(node) });
      }
      for (const [node, words] of found.words) known.set(node, { words: String(words) });
      asked = 0;
      changed();
      if (wanted.some((node) => !known.has(node))) soon();
    },
    asks(listener) {
      ask = listener;
      if (wanted.some((node) => !known.has(node))) soon();
    },
    destroy() { clearTimeout(timer); },
  };
}

/* The picture of the node that is looked at. */
function frameView(parent, view) {
  const holder = make("div", "rlw-picture rlw-framebox", null, parent);
  const image = make("img", "rlw-frame-picture", null, holder);
  const words = make("p", "rlw-hint", "", holder);
  let shown = "";
  return {
    show(node, line, ply) {
      const found = view.frame(node);
      // First what is looked at, then what a step of the line leads to.
      view.wantFrames([node, ...line.slice(ply + 1), ...line.slice(0, ply)]);
      if (found && found.url && found.url !== shown) { shown = found.url; image.src = shown; }
      image.alt = node === 0 ? "the environment at the root" : "the environment at this node";
      image.hidden = !shown || Boolean(found && found.words);
      holder.classList.toggle("rlw-waiting", !found);
      words.textContent = !found ? "This state is being drawn …" : found.words || (found.drawn ? DRAWN_AGAIN : "");
      words.hidden = !words.textContent;
    },
  };
}
