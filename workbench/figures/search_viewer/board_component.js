/* A board on which one moves by clicking, as a Streamlit component: data = {place, busy} as `boards.place_payload` gives the place;
 * reports `move`: {action, token}, where the token is that of the place, so that a late click is told apart. */

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".rlw-search");
  const { place, token, open } = data;
  const cells = decodeArray(place.board.cells).row(0);
  root.replaceChildren();
  const holder = make("div", "rlw-boardholder", null, root);
  let told = false;
  const move = (action) => { if (!told) { told = true; setStateValue("move", { action, token }); root.classList.add("rlw-busy"); } };
  root.classList.remove("rlw-busy");
  const board = boardView(holder, place.board, place.actions, { onAction: move, label: "Board to play on" });
  board.show({ cells, last: data.last_cell, legal: open ? place.legal : [], player: place.player });
  root.dataset.token = token;
}
