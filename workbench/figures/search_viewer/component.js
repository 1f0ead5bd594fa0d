/* The viewer as a Streamlit component. A part of the viewer's module: viewer.js says how the parts come together.
 *
 * Streamlit calls this on every change of its data and theme: the viewer of the first call lives on as long as it is of the same search. */

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".rlw-search");
  if (!root.search || root.search.key !== data.payload.key) {
    root.search?.destroy();
    mountSearch(root, data.payload);
  } else root.search.redraw();
  root.search.asks((wanted) => setTriggerValue("frames", wanted));
  root.search.frames(data.frames);
  return () => { root.search?.destroy(); root.search = null; };
}
