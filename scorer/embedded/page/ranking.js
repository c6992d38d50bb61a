// The ranking: a listbox, so that the keyboard works as everyone expects and rows may move below the focus.

import { at, calm, drawn, look, made, one, path, point, show, span, tell, whole } from "/draw.js";
import { firstDay, moved, state } from "/state.js";

const ROW = 36;
const WAY = { width: 72, height: 20 };
const SORT_MS = 1000;
const HOLD_MS = 2500;
const FAR_ROWS = 12;
const SMALLEST_RANGE = 20;

const rows = new Map();
let order = [];
let sortedAt = -Infinity;
let heldUntil = -Infinity;
let typed = { text: "", at: 0 };
let choose = () => {};

export function startRanking(onChoose) {
  choose = onChoose;
  const box = at("rows");
  box.addEventListener("keydown", onKey);
  // what one is about to click must not move away
  box.addEventListener("pointermove", () => hold());
  box.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (row) choose(state.accounts[Number(row.dataset.number)].id);
  });
  at("order").addEventListener("change", () => { sortedAt = heldUntil = -Infinity; renderRanking(); at("rows").scrollTop = 0; });
}

function hold() {
  heldUntil = performance.now() + HOLD_MS;
}

export function renderRanking() {
  const now = performance.now();
  const due = now - sortedAt >= SORT_MS && now >= heldUntil;
  if (due || !order.length) {
    sortedAt = now;
    sort();
  }
  for (const account of state.accounts) if (account.changed) update(account);
  mark();
}

export function forgetRows() {
  rows.clear();
  order = [];
  at("rows").replaceChildren();
}

function wanted() {
  return document.querySelector('#order input:checked').value;
}

function sort() {
  const by = wanted();
  const there = state.accounts.filter((account) => account.score !== null && account.score !== undefined);
  const best = [...there].sort((a, b) => b.score - a.score || (b.raw || 0) - (a.raw || 0) || a.number - b.number);
  best.forEach((account, place) => { account.place = place + 1; });
  const ranked = by === "best" ? best : [...best].sort(by === "falling" ? falling : moving);
  at("rows-empty").hidden = ranked.length > 0;
  at("rows").setAttribute("aria-busy", String(!ranked.length));
  tell(at("ranked"), ranked.length ? whole(ranked.length) : "");
  at("move-title").textContent = by === "moving" ? span(state.about.trail_seconds * state.frame.made_up_pace) : "7 days";
  arrange(ranked);
}

function falling(a, b) {
  return (a.delta ?? Infinity) - (b.delta ?? Infinity) || 0;
}

function moving(a, b) {
  return Math.abs(moved(b) ?? 0) - Math.abs(moved(a) ?? 0);
}

function arrange(ranked) {
  const before = new Map(order.map((account, place) => [account.number, place]));
  order = ranked;
  const elements = ranked.map((account) => rowOf(account).element);
  at("rows").replaceChildren(...elements);
  if (calm.matches || !before.size) return;
  const first = Math.floor(at("rows").scrollTop / ROW) - 1;
  const last = first + Math.ceil(at("rows").clientHeight / ROW) + 2;
  ranked.forEach((account, place) => {
    const was = before.get(account.number);
    if (was === place || place < first || place > last) return;
    const steps = was === undefined || Math.abs(was - place) > FAR_ROWS
      ? [{ opacity: 0 }, { opacity: 1 }]
      : [{ transform: `translateY(${(was - place) * ROW}px)` }, { transform: "none" }];
    elements[place].animate(steps, { duration: 500, easing: "cubic-bezier(.2, 0, 0, 1)" });
  });
}

function rowOf(account) {
  if (!rows.has(account.number)) {
    const cell = (name) => made("span", { class: name });
    const cells = {
      place: cell("place"), name: cell("name"), score: cell("score"), band: cell("band"), move: cell("move"),
    };
    cells.name.textContent = cells.name.title = account.id;
    const line = drawn("path", { class: "way" });
    const way = drawn("svg", { width: WAY.width, height: WAY.height, "aria-hidden": "true" });
    way.append(line);
    const element = made(
      "div",
      { class: "row", role: "option", id: `row-${account.number}`, "data-number": account.number },
      cells.place, cells.name, way, cells.score, cells.band, cells.move,
    );
    rows.set(account.number, { element, line, ...cells });
    account.changed = true;
  }
  return rows.get(account.number);
}

function update(account) {
  account.changed = false;
  const row = rows.get(account.number);
  if (!row) return;
  tell(row.score, one(account.score));
  show(row.band, look(state.about.bands, account.band));
  row.line.setAttribute("d", wayOf(account));
}

function mark() {
  const lately = wanted() === "moving";
  order.forEach((account) => {
    const row = rows.get(account.number);
    row.place.textContent = account.place;
    row.element.setAttribute("aria-selected", String(account.id === state.chosen));
    point(row.move, lately ? moved(account) : account.delta);
  });
  const chosen = order.find((account) => account.id === state.chosen);
  if (chosen) at("rows").setAttribute("aria-activedescendant", `row-${chosen.number}`);
  else at("rows").removeAttribute("aria-activedescendant");
}

// On a scale of its own, or one would see nothing of those near an end; but a little stays a little.
function wayOf(account) {
  const first = firstDay();
  const scores = account.days.map((score, place) => [score, place])
    .filter(([score, place]) => score !== null && score !== undefined && place >= first);
  scores.push([account.score, state.days.length]);
  const least = Math.min(...scores.map(([score]) => score)), most = Math.max(...scores.map(([score]) => score));
  const range = Math.max(most - least, state.about.scale ? SMALLEST_RANGE : most * 0.15, 1e-9);
  const low = (least + most - range) / 2;
  const days = Math.max(state.about.days, 1);
  return path(scores.map(([score, place]) =>
    [1 + ((place - first) / days) * (WAY.width - 2), 1 + (1 - (score - low) / range) * (WAY.height - 2)]));
}

function onKey(event) {
  const place = order.findIndex((account) => account.id === state.chosen);
  const page = Math.max(1, Math.floor(at("rows").clientHeight / ROW) - 1);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -order.length, End: order.length };
  let next = -1;
  if (event.key in steps) next = Math.min(Math.max(place + steps[event.key], 0), order.length - 1);
  else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) next = named(event.key, place);
  else return;
  event.preventDefault();
  hold();
  if (next >= 0 && order[next]) {
    choose(order[next].id);
    rows.get(order[next].number).element.scrollIntoView({ block: "nearest" });
  }
}

// Typing goes to the next account whose name begins so.
function named(letter, place) {
  const now = performance.now();
  typed = { text: now - typed.at < 800 ? typed.text + letter : letter, at: now };
  const begin = typed.text.length > 1 ? place : place + 1;
  const around = order.map((_, step) => (begin + step + order.length) % order.length);
  return around.find((each) => order[each].id.toLowerCase().startsWith(typed.text.toLowerCase())) ?? -1;
}
