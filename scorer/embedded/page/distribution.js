// All accounts by raw score, as a share of the benchmark if there is one, on a scale of ratios: twice as much is always
// as far to the right.

import { at, drawn, figure, look, one, table, tell, whole } from "/draw.js";
import { byId, state } from "/state.js";

const EDGE = { left: 8, right: 8, top: 34, bottom: 24 };
const LOWEST = 0.01;
const PER_DECADE = 7;
const PLAIN_DECADES = 4;

let bins = [];
let cursor = null;
let shownAt = -Infinity;

export function startDistribution() {
  const chart = at("histogram");
  chart.addEventListener("pointermove", (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    cursor = bins.findIndex((bin) => x >= bin.x && x < bin.x + bin.width);
    cursor = cursor < 0 ? null : cursor;
    draw();
  });
  for (const gone of ["pointerleave", "blur"]) chart.addEventListener(gone, () => { cursor = null; draw(); });
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -bins.length, End: bins.length };
    if (!(event.key in steps) || !bins.length) return;
    event.preventDefault();
    cursor = Math.min(Math.max((cursor ?? -1) + steps[event.key], 0), bins.length - 1);
    draw();
  });
  at("histogram-table").addEventListener("toggle", renderTable);
  new ResizeObserver(draw).observe(chart);
}

export function renderDistribution() {
  const now = performance.now();
  if (now - shownAt < 900) return;
  shownAt = now;
  draw();
}

function draw() {
  const chart = at("histogram");
  const { clientWidth: width, clientHeight: height } = chart;
  if (!state.frame || !width) return;
  const there = state.accounts.filter((account) => account.score !== null && account.score !== undefined);
  const active = there.filter((account) => account.raw > 0 && (isPlain() || account.benchmark));
  describe(there, active);
  if (!active.length) {
    bins = [];
    return chart.replaceChildren();
  }
  const scale = scales(active.map(share), width, height);
  bins = binsOf(active, scale);
  const svg = drawn("svg", { "aria-hidden": "true" });
  svg.append(...stripes(scale), ...bars(scale), ...axis(scale), ...standard(scale), ...chosen(scale));
  chart.replaceChildren(svg);
  readout();
}

function isPlain() {
  return state.about.scale === null;
}

function share(account) {
  return isPlain() ? account.raw : account.raw / account.benchmark;
}

function describe(there, active) {
  const { benchmark } = state.frame;
  const silent = there.length - active.length;
  const rest = silent ? `, ${whole(silent)} without activity` : "";
  tell(at("distribution-said"), there.length ? `${whole(active.length)} active${rest}` : "");
  const standard = benchmark?.raw ? `, benchmark ${figure(benchmark.raw)}` : "";
  at("histogram").setAttribute("aria-label", `${whole(active.length)} active accounts by raw score${standard}`);
}

function scales(values, width, height) {
  const inner = width - EDGE.left - EDGE.right;
  const most = Math.max(...values);
  const lowest = isPlain() ? 10 ** (Math.floor(Math.log10(most)) - PLAIN_DECADES + 1) : LOWEST;
  const along = (value) => Math.max(Math.log10(value / lowest), 0);
  const count = Math.max(3 * PER_DECADE, Math.floor(along(most) * PER_DECADE) + 1);
  return {
    width, height, count, lowest,
    x: (value) => EDGE.left + (along(value) * PER_DECADE / count) * inner,
    bin: (value) => Math.floor(along(value) * PER_DECADE),
    from: (place) => lowest * 10 ** (place / PER_DECADE),
  };
}

function binsOf(active, scale) {
  const made = Array.from({ length: scale.count }, (_, place) => {
    const from = scale.from(place), to = scale.from(place + 1);
    return { from, to, x: scale.x(from), width: scale.x(to) - scale.x(from), accounts: 0 };
  });
  for (const account of active) made[Math.min(scale.bin(share(account)), made.length - 1)].accounts += 1;
  return made;
}

// Where each band begins on the scale: its share of the benchmark, or its bound where the score is the raw one.
function begins() {
  const bounds = isPlain() ? state.about.bands.slice(1).map((band) => band.lower) : state.frame.bounds;
  return [0, ...bounds];
}

function bandOf(value) {
  return begins().reduce((band, bound, place) => (bound !== null && value >= bound ? place : band), 0);
}

function stripes({ x, width, height }) {
  const from = begins();
  return from.flatMap((bound, place) => {
    if (bound === null) return [];
    const next = from.slice(place + 1).find((each) => each !== null);
    const left = x(bound);
    const right = Math.min(next === undefined ? width - EDGE.right : x(next), width - EDGE.right);
    if (right <= left) return [];
    const { role, shape, word } = look(state.about.bands, place);
    const fits = right - left > word.length * 7 + 18;
    const label = { class: `label ${role}`, x: (left + right) / 2, y: EDGE.top + 14, "text-anchor": "middle" };
    return [
      drawn("rect", { class: `stripe ${role}`, x: left, y: EDGE.top, width: right - left, height: height - EDGE.top - EDGE.bottom }),
      drawn("text", label, fits ? `${shape} ${word}` : shape),
    ];
  });
}

function bars({ height }) {
  const room = height - EDGE.top - EDGE.bottom - 24;
  const most = Math.max(...bins.map((bin) => bin.accounts), 1);
  return bins.map((bin, place) => {
    const tall = (bin.accounts / most) * room;
    const { role } = look(state.about.bands, bandOf(Math.sqrt(bin.from * bin.to)));
    const size = { x: bin.x + 1, width: Math.max(bin.width - 2, 1), y: height - EDGE.bottom - tall, height: tall };
    return drawn("rect", { class: `bar ${role}`, rx: 2, ...size, ...(place === cursor ? { "fill-opacity": 1 } : {}) });
  });
}

function axis({ x, width, height, from, count, lowest }) {
  const ticks = Array.from({ length: Math.floor(count / PER_DECADE) + 1 }, (_, decade) => lowest * 10 ** decade);
  const text = (tick) => (isPlain() ? figure(tick) : `${figure(tick * 100)} %`);
  return [
    drawn("path", { class: "axis", d: `M${EDGE.left} ${height - EDGE.bottom}H${width - EDGE.right}` }),
    ...ticks.filter((tick) => tick <= from(count)).map((tick) => {
      const anchor = x(tick) < 24 ? "start" : x(tick) > width - 24 ? "end" : "middle";
      return drawn("text", { x: x(tick), y: height - 6, "text-anchor": anchor }, text(tick));
    }),
  ];
}

function standard({ x, width, height }) {
  const { benchmark } = state.frame;
  if (isPlain() || !benchmark?.raw) return [];
  const where = x(1);
  const anchor = where > width * 0.6 ? "end" : "start";
  return [
    drawn("path", { class: "standard", d: `M${where} ${EDGE.top - 16}V${height - EDGE.bottom}` }),
    drawn("text", { class: "strong", x: where + (anchor === "end" ? -6 : 6), y: EDGE.top - 8, "text-anchor": anchor },
      state.about.peers.length ? "benchmark of the peers" : `benchmark ${figure(benchmark.raw)}`),
  ];
}

function chosen({ x, height }) {
  const account = byId(state.chosen);
  if (!account?.raw || !(isPlain() || account.benchmark)) return [];
  const where = x(share(account)), base = height - EDGE.bottom;
  return [drawn("path", { class: "dot", d: `M${where} ${base - 2}l6 10h-12z` })];
}

function range(bin) {
  return isPlain() ? `${figure(bin.from)} to ${figure(bin.to)}` : `${one(bin.from * 100)} to ${one(bin.to * 100)} %`;
}

function readout() {
  const bin = cursor === null ? null : bins[cursor];
  const { percentile } = state.about;
  const about = isPlain()
    ? "Raw score, which is the score"
    : `Raw score in percent of the benchmark, the ${percentile}th percentile`;
  const text = bin ? `${range(bin)}: ${whole(bin.accounts)} ${bin.accounts === 1 ? "account" : "accounts"}, ${look(state.about.bands, bandOf(bin.from)).word}` : about;
  if (at("histogram-readout").textContent !== text) at("histogram-readout").textContent = text;
}

function renderTable() {
  if (!at("histogram-table").open) return;
  at("histogram-table").querySelector(".scroll").replaceChildren(
    table([isPlain() ? "raw score" : "of the benchmark", "accounts"], bins.map((bin) => [range(bin), bin.accounts])),
  );
}
