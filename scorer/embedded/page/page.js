// The page of `scorer demo`: one stream tells everything, the parts show it.

import { forgetAlerts, renderAlerts } from "/alerts.js";
import { renderAccount, startAccount } from "/account.js";
import { renderDistribution, startDistribution } from "/distribution.js";
import { at, made, moment, span, tell, whole } from "/draw.js";
import { forgetRows, renderRanking, startRanking } from "/ranking.js";
import { alertsNewestFirst, state, take } from "/state.js";

const STALE_SECONDS = 4;
const SHAPES = { starting: "○", loading: "◔", switching: "◑", live: "●", ended: "○" };
const OUTCOMES = {
  counted: "counted", duplicate: "sent twice", excluded: "excluded", unknown_type: "of unknown type", late: "too late",
  dead_letter: "unusable",
};

let heardAt = performance.now();
let drawing = false;

startRanking(choose);
startAccount();
startDistribution();
addEventListener("hashchange", () => { readAddress(); render(); });
readAddress();
const stream = new EventSource("/live");
stream.onmessage = (message) => {
  const frame = JSON.parse(message.data);
  if (frame.about) { forgetRows(); forgetAlerts(); }
  take(frame);
  heardAt = performance.now();
  if (frame.stage === "ended") stream.close();
  if (!state.chosen) state.chosen = state.about.suggested;
  if (!drawing) { drawing = true; requestAnimationFrame(() => { drawing = false; render(); }); }
};
setInterval(render, 1000);  // what was put off for calm, and how old it all is

function choose(id) {
  state.chosen = id;
  history.replaceState(null, "", `#account=${encodeURIComponent(id)}`);
  render();
}

function readAddress() {
  const named = new URLSearchParams(location.hash.slice(1)).get("account");
  if (named) state.chosen = named;
}

function render() {
  renderStage();
  if (!state.frame) return;
  renderRanking();
  renderAccount();
  renderDistribution();
  renderAlerts();
  renderFooter();
  announce();
}

function renderStage() {
  const silent = (performance.now() - heardAt) / 1000;
  const { frame, about } = state;
  const ended = frame?.stage === "ended";
  const stale = !ended && silent > STALE_SECONDS;
  document.body.classList.toggle("stale", stale);
  document.body.classList.toggle("ended", ended);
  notice(ended ? "The demo has ended. These were the last scores; to start it again:"
    : stale ? `Nothing heard for ${span(silent)}: the demo may be gone. To start it again:` : "");
  if (!frame) return;
  document.body.dataset.stage = stale ? "stale" : frame.stage;
  tell(at("said"), stale ? `Stale for ${span(silent)}` : frame.said);
  at("stage").querySelector(".shape").textContent = stale ? "○" : SHAPES[frame.stage];
  const loading = frame.stage === "loading";
  at("progress").hidden = !loading;
  at("progress").value = loading ? state.days.length / about.days : 0;
  at("age").textContent = ["live", "ended"].includes(frame.stage) ? `made-up time ${moment(frame.made_up_at)} UTC` : "";
  const whose = about.ours ? "a made-up software company" : `made-up traffic of ${about.file}`;
  tell(at("subject"), `${about.model}: ${whose}${about.scale ? ". 100 is healthy" : ""}`);
}

// For the ear: what changed, once.
function announce() {
  const newest = alertsNewestFirst()[0];
  const text = newest && state.frame.stage === "live"
    ? `Alert ${newest.resolved ? "resolved" : "fired"}: ${newest.rule.replaceAll("_", " ")}, ${newest.entity}`
    : state.frame.stage;
  if (at("announced").textContent !== text) at("announced").textContent = text;
}

function notice(text) {
  const box = at("notice");
  box.hidden = !text;
  if (!text || box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(`${text} `, made("code", {}, "make demo"));
}

function renderFooter() {
  const { records, sent, hints } = state.frame;
  const parts = Object.entries(OUTCOMES).filter(([name]) => records[name])
    .map(([name, word]) => `${whole(records[name])} ${word}`);
  at("records").textContent = sent ? [`${whole(sent)} records sent`, ...parts].join(" · ") : "";
  if (hints.length && !at("hints").childElementCount) {
    at("hints").replaceChildren("Ask for a score yourself: ", made("code", {}, hints[0]));
  }
}
