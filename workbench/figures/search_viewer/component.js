/* The viewer as a Streamlit component. A part of the viewer's module: viewer.js says how the parts come together.
 *
 * Streamlit calls this on every change of its data and theme: the viewer of the first call lives on as long as it is of the same search.
 * data = {payload, report, node, frames}; where `report` is true, `node` is set to {node, key} of the node that is looked at, and `frames`
 * is triggered with {key, nodes} where pictures of nodes are wanted. */

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".rlw-search");
  if (!root.search || root.search.key !== data.payload.key) {
    root.search?.destroy();
    mountSearch(root, data.payload, data.node);
  } else root.search.redraw();
  const { key } = data.payload;
  root.search.tell(data.report ? (node) => setStateValue("node", { node, key }) : null);
  root.search.asks((wanted) => setTriggerValue("frames", wanted));
  root.search.frames(data.frames);
  return () => { root.search?.destroy(); root.search = null; };
}
