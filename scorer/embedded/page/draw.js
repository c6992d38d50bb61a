// Small things that every part of the page draws with. Text goes in by textContent only: an id may be anything.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = ["▼", "◢", "●", "▲"];

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function at(id) {
  return document.getElementById(id);
}

export function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function drawn(name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

// A value that changes fades in place.
export function tell(element, text) {
  if (element.textContent === text) return;
  const before = element.textContent;
  element.textContent = text;
  const settled = document.body.dataset.stage === "live";  // else all changes several times a second
  if (before && settled && !calm.matches) element.animate([{ opacity: 0.5 }, { opacity: 1 }], { duration: 500 });
}

// With one decimal, as people read scores; raw ones can be large.
export function one(number) {
  if (number === null || number === undefined) return "–";
  return Math.abs(number) < 1000 ? number.toFixed(1) : whole(number);
}

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 4 });

export function whole(number) {
  return grouped.format(number);
}

export function figure(number) {
  return short.format(number);
}

const clock = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC",
});
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

// Of the made-up world, to the minute: seconds there pass too fast to be read.
export function moment(seconds) {
  return clock.format(seconds * 1000);
}

export function day(seconds) {
  return date.format(seconds * 1000);
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  return whole < 48 * 3600 ? `${Math.floor(whole / 3600)} h` : `${Math.floor(whole / 86400)} days`;
}

export function direction(points) {
  if (points === null || points === undefined) return { sign: "new", word: "new" };
  if (Math.abs(points) < 0.05) return { sign: "·", word: "unchanged" };
  const far = one(Math.abs(points));
  return points > 0 ? { sign: `↑ ${far}`, word: `up ${far}` } : { sign: `↓ ${far}`, word: `down ${far}` };
}

// Bands of one's own take the same ramp by their order.
export function look(bands, band) {
  if (band === null || band === undefined) return { role: "role-none", shape: "○", word: "no score" };
  if (band < 0) return { role: "role-none", shape: "○", word: "inactive" };
  const step = Math.round((band / Math.max(bands.length - 1, 1)) * (SHAPES.length - 1));
  return { role: `role-${step}`, shape: SHAPES[step], word: bands[band].name.replaceAll("_", " ") };
}

// A sign for the eye, a word for the ear.
export function point(element, points) {
  const { sign, word } = direction(points);
  if (element.dataset.word === word) return;
  element.dataset.word = word;
  const seen = made("span", { "aria-hidden": "true" }, sign);
  element.replaceChildren(seen, made("span", { class: "hidden" }, word));
}

export function show(element, { role, shape, word }) {
  const text = `${shape} ${word}`;
  if (element.textContent === text) return;
  const mark = made("span", { "aria-hidden": "true" });
  mark.textContent = `${shape} `;
  element.replaceChildren(mark, word);
  element.className = element.className.replace(/\s*role-\w+/, "") + ` ${role}`;
}

export function path(points) {
  return points.map(([x, y], number) => `${number ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

export function table(headings, rows) {
  const head = made("tr", {}, ...headings.map((heading) => made("th", { scope: "col" }, heading)));
  const body = rows.map((row) => made("tr", {}, ...row.map((cell) => made("td", {}, String(cell)))));
  return made("table", {}, made("thead", {}, head), made("tbody", {}, ...body));
}
