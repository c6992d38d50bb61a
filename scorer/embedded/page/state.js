// What the stream has told: the same as the demo's board, for one browser.

const COLUMNS = [
  "score", "raw", "band", "delta", "own", "benchmark", "asOf", "state", "population", "minPopulation",
];
const TRAIL_STEP_SECONDS = 2;
const ALERTS_KEPT = 200;

export const state = { accounts: [], alerts: new Map(), days: [], frame: null, about: null, chosen: null };

export function take(frame) {
  if (frame.about) begin(frame.about);
  for (const { id, traits } of frame.accounts) {
    const number = state.accounts.length;
    state.accounts.push({ number, id, traits, score: null, band: null, days: [], trail: [], changed: true });
  }
  for (const { day, events, scores } of frame.days) {
    state.days[day] = events;
    scores.forEach((score, number) => { if (state.accounts[number]) state.accounts[number].days[day] = score; });
  }
  for (const [number, ...values] of frame.scores) {
    const account = state.accounts[number];
    COLUMNS.forEach((name, place) => { account[name] = values[place]; });
    account.changed = true;
  }
  (frame.trails || []).forEach((trail, number) => { state.accounts[number].trail = trail; });
  if (frame.stage === "live" && !frame.trails) for (const account of state.accounts) extend(account, frame.at);
  for (const alert of frame.alerts) note(alert);
  state.frame = frame;
}

function begin(about) {
  Object.assign(state, { accounts: [], alerts: new Map(), days: [], about });
}

function extend({ trail, score }, now) {
  if (score === null) return;
  if (trail.length > 1 && trail.at(-1)[0] - trail.at(-2)[0] < TRAIL_STEP_SECONDS) trail.pop();
  trail.push([now, score]);
  while (trail.length && trail[0][0] < now - state.about.trail_seconds) trail.shift();
}

function note(alert) {
  const known = state.alerts.get(alert.id) || { id: alert.id, rule: alert.rule, entity: alert.entity };
  known[alert.state] = alert;
  state.alerts.delete(alert.id);
  state.alerts.set(alert.id, known);
  if (state.alerts.size > ALERTS_KEPT) state.alerts.delete(state.alerts.keys().next().value);
}

// Of the days that closed, the first that is shown.
export function firstDay() {
  return Math.max(0, state.days.length - state.about.days);
}

// What time it was in the made-up world when the wall's clock showed `at`, and the other way round.
export function madeUp(at) {
  return state.frame.made_up_at - (state.frame.at - at) * state.frame.made_up_pace;
}

export function wall(at) {
  return state.frame.at - (state.frame.made_up_at - at) / state.frame.made_up_pace;
}

export function byId(id) {
  return state.accounts.find((account) => account.id === id);
}

// Newest first, by when each fired.
export function alertsNewestFirst() {
  return [...state.alerts.values()].filter((alert) => alert.fired).sort((a, b) => b.fired.at - a.fired.at);
}

// Points since the window of the last minutes began.
export function moved(account) {
  if (account.trail.length < 2 || account.score === null) return null;
  return account.score - account.trail[0][1];
}
