// Brings what is known and what is seen together: who asks, what there is, and what becomes of it.

import { at, mark, say, soon } from "./dom.js";
import { Refused, follow, look, token } from "./api.js";
import { Model } from "./model.js";
import { Table } from "./table.js";
import { View, tell } from "./view.js";
import { drawDetail, prepareDetail, showDetail } from "./detail.js";
import { steer } from "./steer.js";

/// How often what no event tells is asked for.
const EACH = 5000;

const model = new Model();
const view = new View(model);
const table = new Table(model, (server, state) => steer(server, state, () => changed(server)));
let stop = () => {};
let again = null;

function changed(server) {
  table.touch(server);
  soon(draw);
}

function draw() {
  view.draw();
  table.draw();
  drawDetail();
}

/// Asks who asks: without a token too, since the socket, a certificate or `anonymous` may do without.
async function enter() {
  stop();
  clearTimeout(again);
  try {
    model.caller = await look("/v1/caller");
  } catch (error) {
    return turnedAway(error);
  }
  at("door").hidden = true;
  at("site").hidden = false;
  at("leave").hidden = !token.get();
  say(at("caller").firstElementChild, `${model.caller.who}, may ${model.caller.scope}`);
  if (!(await structure(() => table.rebuild()))) return;
  const ends = follow(new URLSearchParams({ topics: "numbers,health,operator,reload" }), heard, standing);
  const each = setInterval(asked, EACH);
  stop = () => {
    ends();
    clearInterval(each);
    stop = () => {};
  };
  show();
}

function turnedAway(error) {
  const unknown = error instanceof Refused && error.status === 401;
  if (unknown) {
    stand("stranger", token.get() ? "the token is not known" : "nobody is known yet");
    say(at("unknown"), token.get() ? "The gateway does not know this token." : "");
    token.forget();
    at("site").hidden = true;
    at("door").hidden = false;
    at("leave").hidden = true;
    say(at("caller").firstElementChild, "");
    at("token").focus();
  } else if (error instanceof Refused && error.status < 500) {
    stand("refused", `${error.message}: ${error.help}`);
  } else {
    stand("again", "the gateway does not answer");
    again = setTimeout(enter, EACH);
  }
}

/// Asks what there is; `build` makes rows of it.
async function structure(build = () => table.build()) {
  try {
    const paths = ["/v1/vips", "/v1/pools", "/v1/status"];
    const [{ vips }, { pools }, process] = await Promise.all(paths.map(path => look(path)));
    model.structure(vips, pools);
    model.status(process);
    view.build();
    build();
    return true;
  } catch (error) {
    turnedAway(error);
    return false;
  }
}

async function asked() {
  const process = await look("/v1/status").catch(() => null);
  if (process) {
    model.status(process);
    soon(draw);
  }
}

let building = false;

async function rebuild() {
  if (building) return;
  building = true;
  await structure();
  building = false;
  show();
}

function heard(name, data) {
  if (name === "numbers") {
    model.numbers(data);
    soon(draw);
    if (model.stale) rebuild();
  } else {
    tell(name, data);
    if (name === "reload") rebuild();
  }
}

function standing(how, more) {
  if (how === "live") {
    model.begun();
    stand("live", "live");
  } else if (how === "again") stand("again", `not connected; again in ${more} s`);
  else {
    stop();
    turnedAway(more);
  }
}

function stand(how, text) {
  mark(at("standing"), "data-standing", how);
  say(at("standing"), text);
}

function show() {
  showDetail(model, changed);
}

at("enter").addEventListener("submit", event => {
  event.preventDefault();
  token.set(at("token").value.trim());
  at("token").value = "";
  enter();
});
at("leave").addEventListener("click", () => {
  stop();
  token.forget();
  location.reload();
});
addEventListener("hashchange", show);
prepareDetail();
enter();
