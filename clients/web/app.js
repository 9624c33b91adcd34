// The page: one stage, its publisher (this person's camera), its result and its controls.

import { announce } from "./announcement.js";
import { askJson } from "./api.js";
import { Controls } from "./controls.js";
import { by } from "./dom.js";
import { download } from "./download.js";
import { FacePanel } from "./face.js";
import { Figures, isFilmed } from "./figures.js";
import { Orders } from "./orders.js";
import { Publication } from "./publication.js";
import { Screen } from "./screen.js";
import { Shelf } from "./shelf.js";
import { Shortcuts } from "./shortcuts.js";
import { Split } from "./split.js";
import { Stages } from "./stages.js";
import { showStatus } from "./status.js";
import { keep, kept } from "./storage.js";
import { useToken } from "./token.js";
import { Wire } from "./wire.js";

const MISSED = 4; // seconds for which the server may not know of us while we think we are live
const query = new URLSearchParams(location.search);
const stage = encodeURIComponent(query.get("stage") || "live"); // part of addresses

const wire = new Wire(stage);
const orders = new Orders((patch) => wire.send(patch));
const publication = new Publication(stage);
const screen = new Screen(stage);
const split = new Split();
const controls = new Controls(orders);
const shelf = new Shelf(orders);
const face = new FacePanel(orders);
const figures = new Figures();
let state = {};
let drawn = "";
let seen = 0; // seconds for which pictures have come to the stage
let missed = 0;

// The old address of the page that is only the picture.
if (query.has("view") && query.get("view") !== "0") location.replace(`/watch/${stage}${location.hash}`);
else begin();

function begin() {
  document.title = `Omote · ${stage}`;
  by("stage-name").textContent = stage;
  by("watch-link").href = `/watch/${stage}`;
  beginButtons();
  new Stages(stage, leave);
  new Shortcuts(shortcuts());
  for (const source of [publication, screen]) source.addEventListener("change", refresh);
  orders.addEventListener("answer", ({ detail }) => showState(detail.state));
  wire.addEventListener("state", ({ detail }) => showState(detail));
  wire.addEventListener("stats", ({ detail }) => showStats(detail));
  wire.addEventListener("change", showWire);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  refresh();
  wire.open();
}

function beginButtons() {
  by("start").addEventListener("click", startOrStop);
  by("take-over").addEventListener("click", () => publication.takeOver());
  by("make-again").addEventListener("click", () => wire.open());
  by("snapshot").addEventListener("click", snapshot);
  by("theme").addEventListener("click", changeTheme);
  by("mirror").addEventListener("change", () => by("preview").classList.toggle("mirrored", by("mirror").checked));
  by("microphone").addEventListener("change", () => publication.list());
  for (const id of ["camera", "size", "rate", "microphone", "sound"]) {
    by(id).addEventListener("change", () => publication.stream && publication.start());
  }
  by("token-form").addEventListener("submit", enterToken);
  by("descriptions").checked = kept("descriptions", true);
  by("descriptions").addEventListener("change", showDescriptions);
  showDescriptions();
}

function shortcuts() {
  const before = (bypass) => orders.add({ stage: { bypass } });
  return {
    s: { words: "Start or stop the camera", press: startOrStop },
    b: { words: "Hold: the camera without any effect", press: () => before(true), release: () => before(false) },
    v: { words: "Compare original and result", press: () => split.toggle() },
    m: { words: "Mirror the result", press: () => orders.add({ stage: { mirror: !state.stage?.mirror } }) },
    c: { words: "Take this face as the neutral one", press: () => state.face && by("calibrate").click() },
    p: { words: "Save a snapshot", press: () => screen.playing && snapshot() },
    l: { words: "Listen, or stop listening", press: () => by("listen").click() },
    f: { words: "Full screen", press: () => screen.fill() },
    t: { words: "Light or dark", press: changeTheme },
  };
}

async function startOrStop() {
  if (publication.stream) {
    publication.stop();
    screen.link.close();
    seen = 0;
  } else {
    await publication.start();
    if (publication.stream && screen.link.state !== "on") screen.link.open();
  }
}

async function leave() {
  publication.link.close();
  screen.link.close();
  split.close();
  wire.close();
}

function enterToken(event) {
  event.preventDefault();
  useToken(by("token").value);
  by("token").value = "";
  drawn = "";
  wire.open();
  for (const { link } of [publication, screen]) if (link.state === "refused") link.open();
}

function changeTheme() {
  dispatchEvent(new Event("omote-theme"));
}

function showDescriptions() {
  keep("descriptions", by("descriptions").checked);
  document.body.classList.toggle("terse", !by("descriptions").checked);
}

async function snapshot() {
  const name = `omote-${stage}-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.png`;
  download(await screen.still(), name);
  announce("Snapshot saved.");
}

function showWire() {
  if (wire.mode === "removed") {
    publication.stop();
    screen.link.close();
  } else if (wire.mode === "away") {
    figures.show({}, {});
  } else {
    drawControls();
    orders.again();
  }
  refresh();
}

/** Draw the controls; again only when the server has others than before. */
async function drawControls() {
  const described = await askJson("/effects").catch(() => null); // the wire says what is wrong
  const text = JSON.stringify(described);
  if (!described || text === drawn) return;
  drawn = text;
  controls.draw(described);
  shelf.draw(described.effects);
  showState(state);
}

function showState(current) {
  state = current;
  controls.show(state);
  shelf.show(state);
  face.show(state);
  refresh();
}

function showStats(stats) {
  figures.show(state, stats);
  controls.count(stats.effect_errors ?? {});
  controls.show(state); // also what a finger kept from being shown
  follow();
}

/** Watch whatever is published here, ours or not; notice when the server has forgotten us. */
function follow() {
  const there = isFilmed(state);
  seen = there ? seen + 1 : 0;
  if (seen > 1 && screen.link.state === "off") screen.link.open();
  if (!there && !publication.stream && screen.link.state !== "off") screen.link.close();
  if (state.publisher === "connected" || publication.link.state !== "on") missed = 0;
  else if ((missed += 1) > MISSED) publication.link.open();
}

/** Bring every word on the page in line with what is so. */
function refresh() {
  const { stream } = publication;
  by("start-words").textContent = stream ? "Stop" : "Start";
  by("start").classList.toggle("primary", !stream);
  by("start").classList.toggle("running", Boolean(stream));
  split.show(stream, state);
  screen.refresh(blankWords(), state.stage?.bypass);
  showStatus({ wire, publication, screen, state, stage });
}

function blankWords() {
  if (screen.link.state === "connecting") return "Connecting …";
  if (screen.link.state === "waiting") return "Connecting again …";
  if (publication.stream || isFilmed(state)) return "Waiting for the first frame …";
  return "Press Start to see yourself here.";
}
