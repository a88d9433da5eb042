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
  let body = {};
  try { body = await answer.json(); } catch { /* an answer without JSON */ }
  if (!answer.ok) throw new Error(body.error || `the server answered ${answer.status}`);
  return body;
}

/** An element with properties or attributes, and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in element) element[key] = value; else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** The modality of an item, in its colour. */
export function badge(item) {
  return make("span", { className: `badge ${kindOf(item)}` }, NAMES[item.modality] ?? item.modality);
}

/** The picture of an item. */
export function picture(item, side) {
  const img = make("img", { src: pictureOf(item, side), alt: "", loading: "lazy", decoding: "async" });
  img.addEventListener("error", () => { img.className = "gone"; img.alt = "The picture cannot be read any more"; });
  return img;
}
