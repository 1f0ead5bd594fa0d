/* The table of recordings, sorted in the browser. Streamlit calls the default export on every change of its data:
 *
 *   data = {columns: [{key, label, hint, kind: "name" | "text" | "number", narrow}], rows: [{name, address, badge, cells: {key: {text, below, sort}}}],
 *           sort: {key, down}, busy}
 *
 * `below` is a second, muted line of a cell; `narrow` false takes a column away where the page is narrow, and puts its text
 * below the name. Clicking a name triggers "open" with it; the link's own address serves a new tab.
 * Recordings come from strangers: every text enters the page through textContent. */

function make(tag, className, text, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function compare(a, b) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // what is not known comes last
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

function sorted(rows, { key, down }) {
  const known = (row) => row.cells[key].sort;
  return [...rows].sort((a, b) => {
    if (known(a) === null || known(b) === null) return compare(known(a), known(b));
    return compare(known(a), known(b)) * (down ? -1 : 1);
  });
}

function nameCell(cell, row, data, open) {
  const link = make("a", "rlw-name", row.cells.name.text, cell);
  link.href = row.address;
  link.title = "Replay this recording";
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(row.name);
  });
  if (row.badge) make("span", "rlw-badge", row.badge, cell);
  const more = data.columns.filter((column) => column.narrow === false).map((column) => row.cells[column.key].text);
  make("div", "rlw-below rlw-only-narrow", more.join(" · "), cell);
}

function draw(root, data, state, open) {
  const table = make("table");
  const head = make("tr", "", null, make("thead", "", null, table));
  for (const column of data.columns) {
    const here = state.sort.key === column.key;
    const cell = make("th", `rlw-${column.kind}${column.narrow === false ? " rlw-only-wide" : ""}`, null, head);
    cell.scope = "col";
    cell.setAttribute("aria-sort", here ? (state.sort.down ? "descending" : "ascending") : "none");
    const button = make("button", "", column.label, cell);
    button.type = "button";
    button.title = column.hint ? `${column.hint} Click to sort.` : "Click to sort.";
    make("span", "rlw-arrow", here ? (state.sort.down ? " ▾" : " ▴") : "", button);
    button.addEventListener("click", () => {
      state.sort = { key: column.key, down: here ? !state.sort.down : column.kind === "number" };
      draw(root, data, state, open);
      root.querySelectorAll("th button")[data.columns.indexOf(column)].focus();
    });
  }
  const body = make("tbody", "", null, table);
  for (const row of sorted(data.rows, state.sort)) {
    const line = make("tr", "", null, body);
    for (const column of data.columns) {
      const cell = make("td", `rlw-${column.kind}${column.narrow === false ? " rlw-only-wide" : ""}`, null, line);
      if (column.kind === "name") { nameCell(cell, row, data, open); continue; }
      const { text, below } = row.cells[column.key];
      make("span", "", text, cell);
      if (below) make("div", "rlw-below", below, cell);
    }
  }
  root.replaceChildren(table);
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".rlw-recordings");
  if (!root.state) root.state = { sort: data.sort };
  draw(root, data, root.state, (name) => setTriggerValue("open", name));
}
