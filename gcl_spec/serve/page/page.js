// The search page. It talks to /api, and to nobody else.

import { draw, mark } from "/map.js";
import { NAMES, ask, badge, kindOf, labelOf, make, picture } from "/pieces.js";

const STEP = 24, MOST = 200;
const $ = (id) => document.getElementById(id);
const asked = { picture: null, like: null, weight: null, k: STEP };
const only = new Set();
let circles = new Map(), running = null, start = [];

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

// ---- results

function card(item, number) {
  const label = `${NAMES[item.modality] ?? item.modality}: ${labelOf(item)}`;
  const open = make("button", { type: "button", className: "open", "aria-label": label });
  if (item.picture) open.append(picture(item));
  const words = item.text ?? (item.picture ? "" : item.id);
  if (words) open.append(make("p", {}, words));
  open.addEventListener("click", () => closer(item));
  open.addEventListener("keydown", (event) => move(event, number, item));
  const like = make("button", { type: "button", className: "like", "aria-label": `More like: ${label}` }, "more like this");
  like.addEventListener("click", () => searchLike(item));
  const foot = make("div", { className: "foot" }, badge(item));
  if (item.score !== null) {
    foot.append(make("span", { className: "score", title: "The cosine of this item and the query" }, item.score.toFixed(3)));
  } else {
    foot.append(make("span", { className: "score" }));
  }
  foot.append(like);
  return make("li", {}, make("article", { className: `card ${kindOf(item)}` }, open, foot));
}

function show(items) {
  $("results").replaceChildren(...items.map(card));
  mark(circles, items);
}

function move(event, number, item) {
  const cards = [...document.querySelectorAll(".card .open")];
  const wide = cards.filter((x) => x.getBoundingClientRect().top === cards[0].getBoundingClientRect().top).length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide };
  if (event.key in steps) {
    const next = cards[number + steps[event.key]];
    if (next) { next.focus(); event.preventDefault(); } else if (event.key === "ArrowUp") { $("text").focus(); event.preventDefault(); }
  } else if (event.key === "l" || event.key === "L") searchLike(item);
}

async function closer(item) {
  const dialog = $("closer");
  dialog.classList.toggle("bare", !item.picture);
  $("closer-picture").replaceChildren(...(item.picture ? [picture(item, 1280)] : []));
  $("closer-title").replaceChildren(badge(item));
  $("closer-text").textContent = item.text ?? "";
  const facts = { id: item.id, file: item.path, score: item.score?.toFixed(4) };
  $("closer-facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value != null)
    .flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  $("closer-like").onclick = () => { dialog.close(); searchLike(item); };
  if (!dialog.open) dialog.showModal();
  try { // of a long text the card has the beginning
    $("closer-text").textContent = (await ask(`/api/item?${new URLSearchParams({ id: item.id })}`)).text ?? "";
  } catch (error) { say(error.message, true); }
}

// ---- what is asked

function setPicture(file) {
  if (asked.picture) URL.revokeObjectURL($("preview").src);
  asked.picture = file;
  $("given").hidden = !file;
  if (file) { $("preview").src = URL.createObjectURL(file); asked.like = null; } else { $("file").value = ""; }
  blendable();
}

function blendable() {
  const both = asked.picture && $("text").value.trim();
  $("blend").hidden = !both;
  if (!both) unblend();
}

function unblend() {
  asked.weight = null;
  $("weight").value = 0.5;
  $("blended").textContent = "fused as the model was trained";
  $("unblend").hidden = true;
}

function blend(weight) {
  asked.weight = weight;
  $("weight").value = weight;
  $("blended").textContent = `${Math.round(100 * weight)} % picture`;
  $("unblend").hidden = false;
}

function form() {
  const fields = new FormData(), text = $("text").value.trim();
  if (asked.like) fields.append("like", asked.like.id);
  else {
    if (asked.picture) fields.append("image", asked.picture, "picture");
    if (text) fields.append("text", text);
    if (asked.picture && text && asked.weight !== null) fields.append("weight", asked.weight);
  }
  for (const name of only) fields.append("only", name);
  fields.append("k", asked.k);
  fields.append("balanced", $("balanced").checked);
  fields.append("calibration", $("calibration").value);
  return fields;
}

const isAsked = () => asked.like || asked.picture || $("text").value.trim();

async function search({ more = false, keep = false } = {}) {
  if (!more) asked.k = STEP;
  if (!isAsked()) { begin(); return; }
  running?.abort();
  const mine = (running = new AbortController());
  $("results").setAttribute("aria-busy", "true");
  say("searching\u2026");
  try {
    const answer = await ask("/api/search", { method: "POST", body: form(), signal: mine.signal });
    show(answer.hits);
    const what = asked.like ? ` like \u201c${labelOf(asked.like)}\u201d` : "";
    say(answer.hits.length
      ? `${answer.hits.length} ${answer.hits.length === 1 ? "result" : "results"}${what}, in ${seconds(answer.seconds)}`
      : "nothing found; search in all kinds, or otherwise");
    $("more").hidden = answer.hits.length < asked.k || asked.k >= MOST;
    if (!keep) remember();
  } catch (error) {
    if (error.name === "AbortError") return;
    show([]);
    say(error.message, true);
    $("more").hidden = true;
  } finally {
    if (running === mine) { $("results").removeAttribute("aria-busy"); running = null; }
  }
}

const seconds = (s) => (s < 1 ? `${Math.max(1, Math.round(1000 * s))} ms` : `${s.toFixed(1)} s`);

function searchLike(item) {
  setPicture(null);
  $("text").value = "";
  blendable();
  asked.like = item;
  search();
  window.scrollTo({ top: 0 });
}

function begin() {
  running?.abort();
  show(start);
  $("more").hidden = true;
  say(start.length ? "some of what is here" : "the index is empty; gcl index adds to it");
}

function clear() {
  setPicture(null);
  asked.like = null;
  $("text").value = "";
  blendable();
  last = "";
  history.pushState(null, "", "/");
  begin();
  $("text").focus();
}

// Every search has an address, so that "back" goes back; a picture is kept with it in this page.
const kept = new Map();
let last = "";

function remember() {
  const query = new URLSearchParams(), text = $("text").value.trim();
  if (asked.like) query.set("like", asked.like.id);
  else if (text) query.set("text", text);
  for (const name of only) query.append("only", name);
  const address = `/${query.size ? `?${query}` : ""}`;
  const whole = `${address} ${asked.picture ? $("preview").src : ""} ${asked.weight}`;
  if (whole === last) return;
  last = whole;
  const number = kept.size + 1;
  kept.set(number, { picture: asked.picture, weight: asked.weight });
  history.pushState({ number }, "", address);
}

async function recall() {
  const query = new URLSearchParams(location.search), like = query.get("like");
  const other = kept.get(history.state?.number);
  setPicture(other?.picture ?? null);
  asked.like = null;
  $("text").value = query.get("text") ?? "";
  only.clear();
  query.getAll("only").forEach((name) => only.add(name));
  pressed();
  try {
    if (like) asked.like = await ask(`/api/item?${new URLSearchParams({ id: like })}`);
  } catch (error) { show([]); say(error.message, true); return; }
  blendable();
  if (other && other.weight !== null) blend(other.weight);
  last = "";
  search({ keep: true });
}

// ---- the page

function pressed() {
  for (const button of $("modalities").children) {
    const name = button.dataset.name;
    button.setAttribute("aria-pressed", name ? only.has(name) : only.size === 0);
  }
}

function filters(counts) {
  const button = (name, label) => {
    const element = make("button", { type: "button" }, label);
    element.dataset.name = name;
    element.addEventListener("click", () => {
      if (!name) only.clear(); else if (!only.delete(name)) only.add(name);
      pressed();
      if (isAsked()) search();
    });
    return element;
  };
  const plural = { image: "pictures", text: "texts", "image+text": "pictures with text" };
  const kinds = Object.entries(counts).map(([name, n]) => button(name, `${plural[name] ?? name} ${n.toLocaleString("en")}`));
  $("modalities").replaceChildren(button("", "everything"), ...kinds);
  $("filters").hidden = kinds.length < 2;
  pressed();
}

async function open() {
  const about = await ask("/api/index");
  document.title = `${about.name} \u2013 search`;
  $("name").textContent = about.name;
  $("about").textContent = `${about.items.toLocaleString("en")} items, searched with the model ${about.run}` +
    (about.codes ? `; scores are approximate, of ${about.codes} codes` : "");
  filters(about.modalities);
  $("calibration").replaceChildren(...about.calibrations.map((name) => make("option", { value: name }, name || "none")));
  $("calibrated").hidden = about.calibrations.length < 2;
  const points = await ask("/api/points?count=1500");
  const stride = Math.max(1, Math.floor(points.items.length / STEP));
  start = points.items.filter((_, n) => n % stride === 0).slice(0, STEP);
  circles = draw($("map"), points, kindOf, labelOf, closer);
  $("legend").replaceChildren(...[...new Map(points.items.map((x) => [x.modality, badge(x)])).values()]);
  const [x, y] = points.shares.map((share) => Math.round(100 * share));
  $("map-note").textContent = `${points.items.length.toLocaleString("en")} items; the axes hold ${x} % and ${y} % of the ` +
    "variance of their rows. A click looks closer; results have a ring.";
  $("space").hidden = points.items.length < 3;
  await recall();
}

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("text").value.trim() || asked.picture) asked.like = null;
  search();
});
$("text").addEventListener("input", blendable);
$("text").addEventListener("search", () => { if (!isAsked()) clear(); }); // its own cross
$("file").addEventListener("change", (event) => { if (event.target.files[0]) { setPicture(event.target.files[0]); search(); } });
$("remove").addEventListener("click", () => { setPicture(null); search(); });
$("weight").addEventListener("input", (event) => blend(Number(event.target.value)));
$("weight").addEventListener("change", () => search());
$("unblend").addEventListener("click", () => { unblend(); search(); });
$("balanced").addEventListener("change", () => { if (isAsked()) search(); });
$("calibration").addEventListener("change", () => { if (isAsked()) search(); });
$("more").addEventListener("click", () => { asked.k = Math.min(MOST, asked.k + STEP); search({ more: true, keep: true }); });
window.addEventListener("popstate", recall);

const dropped = (transfer) => [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
document.addEventListener("paste", (event) => {
  const file = dropped(event.clipboardData);
  if (file) { event.preventDefault(); setPicture(file); search(); }
});
let depth = 0; // of elements that the drag has entered
document.addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; $("drop").classList.add("on"); });
document.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) { depth = 0; $("drop").classList.remove("on"); } });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  $("drop").classList.remove("on");
  const file = dropped(event.dataTransfer);
  if (file) { setPicture(file); search(); } else say("that is no picture; drop a PNG, JPEG, WebP, GIF, BMP or TIFF file", true);
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing) { event.preventDefault(); $("text").focus(); }
  else if (event.key === "Escape" && !$("closer").open) clear();
});
$("closer").addEventListener("click", (event) => { if (event.target === $("closer")) $("closer").close(); });

open().catch((error) => say(error.message, true));
