// The pieces of which the page is made: questions to the API, names of items, badges, pictures.

const brief = (text, most) => (text.length > most ? `${text.slice(0, most)}\u2026` : text);
export const NAMES = { image: "picture", text: "text", "image+text": "picture + text" };
export const kindOf = (item) => ({ image: "image", text: "text" })[item.modality] ?? "pair";
export const labelOf = (item) => brief(item.text || item.path || item.id, 90);
const pictureOf = (item, side = 320) =>
  `/api/picture?${new URLSearchParams({ id: item.id, side })}`;

/** The answer of the API; an Error with its sentence where it refuses. */
export async function ask(path, options) {
  const answer = await fetch(path, options);
  let found = {};
  try { found = await answer.json(); } catch { /* an answer without JSON */ }
  if (!answer.ok) throw new Error(found.error || `the server answered ${answer.status}`);
  return found;
}

/** An element with properties or attributes, and children. */
export function make(name, attributes = {}, ...children) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in found) found[key] = value; else found.setAttribute(key, value);
  }
  found.append(...children);
  return found;
}

/** The modality of an item, in its colour. */
export function badge(item) {
  return make("span", { className: `badge ${kindOf(item)}` }, NAMES[item.modality] ?? item.modality);
}

/** The picture of an item. */
export function picture(item, side) {
  const found = make("img", { src: pictureOf(item, side), alt: "", loading: "lazy", decoding: "async" });
  found.addEventListener("error", () => { found.className = "gone"; found.alt = "The picture cannot be read any more"; });
  return found;
}
