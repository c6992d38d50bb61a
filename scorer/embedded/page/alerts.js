// Alerts as they fire and resolve, the newest first.

import { at, made, moment, span, tell, whole } from "/draw.js";
import { alertsNewestFirst, state } from "/state.js";

const SHOWN = 30;
const LOOKS = { critical: ["▼", "role-0"], warning: ["◢", "role-1"], info: ["▲", "role-3"] };

const items = new Map();

export function renderAlerts() {
  const alerts = alertsNewestFirst().slice(0, SHOWN);
  const list = at("alert-list");
  const open = alerts.filter((alert) => !alert.resolved).length;
  tell(at("alerts-said"), alerts.length ? `${whole(open)} open` : "");
  at("alerts-empty").hidden = alerts.length > 0;
  if (!alerts.length) renderEmpty();
  const wanted = alerts.map(item);
  for (const id of items.keys()) if (!alerts.some((alert) => alert.id === id)) items.delete(id);
  if (wanted.some((element, place) => list.children[place] !== element) || list.children.length !== wanted.length) {
    list.replaceChildren(...wanted);
  }
}

export function forgetAlerts() {
  items.clear();
  at("alert-list").replaceChildren();
}

function item(alert) {
  if (!items.has(alert.id)) items.set(alert.id, create(alert));
  const { element, link, how, when } = items.get(alert.id);
  link.classList.toggle("resolved", Boolean(alert.resolved));
  tell(how, said(alert));
  when.title = `${moment(alert.fired.at)} UTC, made-up time`;
  when.textContent = alert.resolved ? "resolved" : `${span(state.frame.made_up_at - alert.fired.at)} ago`;
  return element;
}

function create(alert) {
  const [shape, role] = LOOKS[alert.fired.severity] ?? LOOKS.warning;
  const part = (name, text) => {
    const element = made("span", { class: name });
    element.textContent = text;
    return element;
  };
  const mark = part(`shape ${role}`, shape);
  mark.setAttribute("aria-hidden", "true");
  const what = part("what", `${alert.entity}: ${alert.rule.replaceAll("_", " ")}`);
  const when = part("when", ""), how = part("how", "");
  const link = made("a", { href: `#account=${encodeURIComponent(alert.entity)}` }, mark, what, when, how);
  return { element: made("li", {}, link), link, how, when };
}

function said({ fired, resolved }) {
  return resolved ? `${fired.said}; ${resolved.said} after ${span(resolved.at - fired.at)}` : fired.said;
}

function renderEmpty() {
  const box = at("alerts-empty");
  const { rules, model } = state.about;
  const key = `${rules.length} ${model} ${state.frame.stage}`;
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  if (!rules.length) {
    const example = `alerts:\n  churn_risk: {model: ${model}, kind: account,\n    when: {crossed_below: 25}}`;
    const code = made("code", {}, example);
    return box.replaceChildren("No rule of the scoring file watches these accounts. One would be:", made("pre", {}, code));
  }
  const waits = state.frame.stage === "live" ? "None so far." : "While the past is loaded, nobody is alerted.";
  const rows = rules.map((rule) => made("li", {}, `${rule.name.replaceAll("_", " ")}: an account ${rule.when}`));
  box.replaceChildren(`${waits} The rules:`, made("ul", { class: "rules" }, ...rows));
}
