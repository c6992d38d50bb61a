// One account: the number, the direction, the reason, and the way there.

import { at, day, direction, drawn, figure, look, moment, one, path, show, span, table, tell } from "/draw.js";
import { alertsNewestFirst, byId, firstDay, madeUp, state, wall } from "/state.js";

const EDGE = { left: 32, top: 16, bottom: 24, gap: 20 };
const LABELS = { narrow: 14, wide: 96, from: 560 };
const LIVE_SHARE = 0.3;
const GRID_DAYS = 14;
const LIVE_SPANS = [30, 60, 120, 180];

let points = [];
let cursor = null;

export function startAccount() {
  const chart = at("chart");
  chart.addEventListener("pointermove", (event) => {
    const x = event.clientX - chart.getBoundingClientRect().left;
    cursor = nearest(x);
    renderChart();
  });
  chart.addEventListener("pointerleave", () => { cursor = null; renderChart(); });
  chart.addEventListener("blur", () => { cursor = null; renderChart(); });
  chart.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -points.length, End: points.length };
    if (!(event.key in steps) || !points.length) return;
    event.preventDefault();
    cursor = Math.min(Math.max((cursor ?? points.length - 1) + steps[event.key], 0), points.length - 1);
    renderChart();
  });
  at("chart-table").addEventListener("toggle", renderTable);
  new ResizeObserver(renderChart).observe(chart);
}

function nearest(x) {
  if (!points.length) return null;
  return points.reduce((best, point, place) => (Math.abs(point.x - x) < Math.abs(points[best].x - x) ? place : best), 0);
}

export function renderAccount() {
  const account = byId(state.chosen);
  if (!account) return;
  tell(at("account-name"), account.id);
  tell(at("account-traits"), Object.entries(account.traits).map(said).join(" · "));
  if (account.score === null || account.score === undefined) return renderWithout(account);
  tell(at("account-score"), one(account.score));
  show(at("account-band"), look(state.about.bands, account.band));
  const { sign, word } = direction(account.delta);
  tell(at("account-move"), account.delta === null ? "" : `${sign.slice(0, 1)} ${word} in 7 days`);
  tell(at("account-why"), reason(account));
  at("account-age").textContent = account.asOf ? `as of ${moment(account.asOf)}` : "";
  renderChart();
}

function renderWithout(account) {
  at("account-score").replaceChildren("–");
  at("account-band").className = "muted";
  const waits = account.state === "warming_up";
  at("account-band").textContent = waits
    ? `○ warming up: ${account.population} of ${account.minPopulation} active accounts needed`
    : "○ no event yet";
  for (const part of ["account-move", "account-why", "account-age"]) at(part).textContent = "";
  renderChart();
}

function said([name, value]) {
  return typeof value === "number" ? `${value} ${name}` : value;
}

function reason(account) {
  const against = account.benchmark === null ? "" : `, benchmark ${figure(account.benchmark)}`;
  const facts = `raw score ${figure(account.raw)}${against}`;
  if (account.own === null || account.delta === null || Math.abs(account.delta) < 0.05) return facts;
  const others = account.delta - account.own;
  const why = [`${signed(account.own)} by its own activity`];
  if (Math.abs(others) >= 0.05) why.push(`${signed(others)} as the benchmark ${others < 0 ? "rose" : "fell"}`);
  return `${why.join(", ")} · ${facts}`;
}

function signed(points) {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
}

// ---- the chart: 60 days, then the last minutes, on one scale

function renderChart() {
  const account = byId(state.chosen);
  const chart = at("chart");
  const { clientWidth: width, clientHeight: height } = chart;
  if (!account || !width) return;
  const scale = scales(account, width, height);
  points = pointsOf(account, scale);
  const svg = drawn("svg", { "aria-hidden": "true" });
  svg.append(...stripes(scale), ...axes(scale));
  const past = points.filter((point) => point.day !== undefined).map(({ x, y }) => [x, y]);
  const live = points.filter((point) => point.day === undefined).map(({ x, y }) => [x, y]);
  svg.append(drawn("path", { class: "line", d: path(past) }), drawn("path", { class: "line", d: path(live) }));
  svg.append(...alertMarks(account, scale));
  const end = points.at(-1);
  if (end) svg.append(drawn("circle", { class: "dot", cx: end.x, cy: end.y, r: 4.5 }));
  if (cursor !== null && points[cursor]) svg.append(...cursorMarks(points[cursor], scale));
  chart.replaceChildren(svg);
  readout(account);
}

function scales(account, width, height) {
  const margin = width < LABELS.from ? LABELS.narrow : LABELS.wide;
  const inner = width - EDGE.left - margin - EDGE.gap;
  const split = EDGE.left + inner * (1 - LIVE_SHARE);
  const most = Math.max(1, ...account.days.filter((score) => score), ...account.trail.map(([, score]) => score));
  const top = state.about.scale ? state.about.scale[1] : rounded(most);
  const { days } = state.about;
  const seen = state.frame.at - Math.min(state.frame.at, ...account.trail.map(([now]) => now));
  const seconds = LIVE_SPANS.find((span) => seen <= span) ?? state.about.trail_seconds;
  return {
    width, height, split, top, seconds,
    live: split + EDGE.gap,
    right: width - margin,
    labelled: margin === LABELS.wide,
    y: (score) => EDGE.top + (1 - score / top) * (height - EDGE.top - EDGE.bottom),
    day: (place) => EDGE.left + ((place - firstDay()) / days) * (split - EDGE.left),
    place: (now) => split + EDGE.gap + (1 - (state.frame.at - now) / seconds) * (width - margin - split - EDGE.gap),
  };
}

// Up to two digits, so that the end of the scale reads well.
function rounded(most) {
  const unit = 10 ** (Math.floor(Math.log10(most)) - 1);
  return Math.ceil(most / unit) * unit;
}

function pointsOf(account, scale) {
  const past = account.days.flatMap((score, place) => {
    if (score === null || score === undefined || place < firstDay()) return [];
    return [{ x: scale.day(place + 0.5), y: scale.y(score), score, day: place }];
  });
  const live = account.trail.map(([now, score]) => ({ x: scale.place(now), y: scale.y(score), score, at: now }));
  return [...past, ...live];
}

function stripes({ y, top, right, split, live, labelled }) {
  const { bands } = state.about;
  return bands.flatMap((band, place) => {
    const low = Math.max(0, band.lower ?? 0);
    const high = Math.min(top, bands[place + 1]?.lower ?? top);
    if (high <= low) return [];
    const { role, shape, word } = look(bands, place);
    const size = { y: y(high), height: y(low) - y(high), class: `stripe ${role}` };
    const label = { class: `label ${role}`, x: labelled ? right + 10 : EDGE.left + 6, y: (y(high) + y(low)) / 2 + 4 };
    return [
      drawn("rect", { x: EDGE.left, width: split - EDGE.left, ...size }),
      drawn("rect", { x: live, width: right - live, ...size }),
      ...(y(low) - y(high) >= 18 ? [drawn("text", label, `${shape} ${word}`)] : []),
    ];
  });
}

function axes({ y, day: x, split, live, right, height, top, seconds }) {
  const parts = [];
  const bounds = [0, ...state.about.bands.slice(1).map((band) => band.lower), top];
  for (const bound of bounds.filter((each) => each >= 0 && each <= top)) {
    parts.push(drawn("text", { x: EDGE.left - 8, y: y(bound) + 4, "text-anchor": "end" }, figure(bound)));
  }
  const { first_day: first, launch_day: launch } = state.frame;
  const step = x(GRID_DAYS) - x(0) > 60 ? GRID_DAYS : 2 * GRID_DAYS;
  const offset = Math.ceil(firstDay() / step) * step;
  for (let place = offset + step / 2; first && place < firstDay() + state.about.days; place += step) {
    const where = { x: x(place + 0.5), y: height - 6, "text-anchor": "middle" };
    parts.push(drawn("text", where, day(first + place * 86400)));
  }
  if (launch !== null && state.days.length > launch && launch >= firstDay()) {
    parts.push(drawn("path", { class: "mark", d: `M${x(launch + 0.5)} ${EDGE.top}V${height - EDGE.bottom}` }));
    parts.push(drawn("text", { x: x(launch + 0.5), y: 11, "text-anchor": "middle" }, "launch"));
  }
  if (right - live > 100) parts.push(drawn("text", { x: live, y: height - 6 }, `${span(seconds * state.frame.made_up_pace)} ago`));
  parts.push(drawn("text", { x: right, y: height - 6, "text-anchor": "end" }, "now"));
  return parts;
}

function alertMarks(account, { place, y, live }) {
  return alertsNewestFirst().filter((alert) => alert.entity === account.id).flatMap((alert) =>
    ["fired", "resolved"].filter((state) => alert[state] && place(wall(alert[state].at)) >= live).map((name) => {
      const { at: when, score } = alert[name];
      const role = name === "fired" ? (alert.fired.severity === "info" ? "role-3" : "role-0") : "role-2";
      const mark = drawn("circle", { class: `alert-mark ${role}`, cx: place(wall(when)), cy: y(score ?? 0), r: 5 });
      mark.append(drawn("title", {}, `${alert.rule} ${name}`));
      return mark;
    }));
}

function cursorMarks({ x, y }, { height }) {
  return [
    drawn("path", { class: "cursor", d: `M${x} ${EDGE.top}V${height - EDGE.bottom}` }),
    drawn("circle", { class: "dot", cx: x, cy: y, r: 4 }),
  ];
}

function readout(account) {
  const point = cursor === null ? null : points[cursor];
  const text = point ? `${when(point)}: ${one(point.score)}` : "";
  if (at("chart-readout").textContent !== text) at("chart-readout").textContent = text;
  const label = `Score of ${account.id} over ${state.about.days} days and the last minutes, now ${one(account.score)}`;
  if (at("chart").getAttribute("aria-label") !== label) at("chart").setAttribute("aria-label", label);
}

function when(point) {
  return point.day === undefined ? moment(madeUp(point.at)) : `end of ${day(state.frame.first_day + point.day * 86400)}`;
}

function renderTable() {
  if (!at("chart-table").open) return;
  at("chart-table").querySelector(".scroll").replaceChildren(
    table(["time", "score"], [...points].reverse().map((point) => [when(point), one(point.score)])),
  );
}
