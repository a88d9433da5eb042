// The map of the space: items on the first two principal components of their rows.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 1000, HEIGHT = 520, MARGIN = 16;

/** Draw the points in `place`; `open(item)` is called for the one that is clicked. */
export function draw(place, points, kindOf, labelOf, open) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIDE} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label",
    `${points.items.length} items on the two directions in which their rows vary most; ` +
    "the results below list what a search finds");
  const [x, y] = [scale(points.x, SIDE), scale(points.y, HEIGHT)];
  const circles = new Map();
  points.items.forEach((item, n) => {
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", x(points.x[n]));
    circle.setAttribute("cy", HEIGHT - y(points.y[n]));
    circle.setAttribute("r", 6);
    circle.setAttribute("class", kindOf(item));
    const title = document.createElementNS(SVG, "title");
    title.textContent = labelOf(item);
    circle.append(title);
    circle.addEventListener("click", () => open(item));
    svg.append(circle);
    circles.set(item.id, circle);
  });
  place.replaceChildren(svg);
  return circles;
}

/** Ring the items that a search has found, where they are on the map. */
export function mark(circles, hits) {
  const ids = new Set(hits.map((hit) => hit.id));
  for (const [id, circle] of circles) {
    circle.classList.toggle("hit", ids.has(id));
    circle.setAttribute("r", ids.has(id) ? 10 : 6);
    if (ids.has(id)) circle.parentNode.append(circle); // above the others
  }
}

function scale(values, length) {
  const low = Math.min(...values), high = Math.max(...values);
  const share = high > low ? (length - 2 * MARGIN) / (high - low) : 0;
  return (value) => (share ? MARGIN + (value - low) * share : length / 2);
}
