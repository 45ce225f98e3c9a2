// Puts the page together: who I am, one connection, and a part for each card.

import { Client } from "./client.js";
import { Chart } from "./chart.js";
import { Orders } from "./orders.js";
import { People, myself } from "./people.js";
import { Feed } from "./feed.js";

const $ = (id) => document.getElementById(id);
const me = myself();

// Relative to the page, so that any path prefix in front of it is kept.
const here = (path) => new URL(path, document.baseURI);

function post(path, fields) {
  return fetch(here(path), { method: "POST", body: new URLSearchParams(fields) }).then(async (r) => {
    if (!r.ok) throw new Error(await r.text());
    return r.json();
  });
}

function problem(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
}

// Frames of the last five seconds, counted in slots of one second.
const frames = [0, 0, 0, 0, 0, 0];
setInterval(() => {
  $("throughput").textContent = `${((frames.reduce((a, b) => a + b) - frames[0]) / 5).toFixed(1)} /s`;
  frames.pop();
  frames.unshift(0);
}, 1000);

function state(name, text) {
  $("state").dataset.state = name;
  $("state-text").textContent = text;
  if (name === "connected") $("notice").hidden = true;
  else $("latency").textContent = "–";
}

function socketURL(key) {
  const url = here(`app/${key}?protocol=7&client=resound-demo&version=1.0`);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function showEnv({ id, key }) {
  const secure = location.protocol === "https:";
  const lines = [
    "BROADCAST_CONNECTION=reverb",
    `REVERB_APP_ID=${id}`,
    `REVERB_APP_KEY=${key}`,
    "REVERB_APP_SECRET=  # printed in the terminal",
    `REVERB_HOST=${location.hostname}`,
    `REVERB_PORT=${location.port || (secure ? 443 : 80)}`,
    `REVERB_SCHEME=${secure ? "https" : "http"}`,
  ];
  $("env").textContent = lines.join("\n");
  // Only pages from https or from this machine may write to the clipboard.
  if (!navigator.clipboard) return;
  $("copy").hidden = false;
  $("copy").onclick = async () => {
    await navigator.clipboard.writeText(lines.join("\n") + "\n");
    $("copy").textContent = "Copied";
    setTimeout(() => ($("copy").textContent = "Copy"), 1500);
  };
}

function start(config) {
  showEnv(config);
  const client = new Client(socketURL(config.key), {
    state,
    problem,
    frame: () => frames[0]++,
    latency: (ms) => ($("latency").textContent = ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`),
  });
  new Orders($("orders")).join(client);
  new Chart($("chart")).join(client);
  const people = new People($("members"), $("typing"), me);
  people.join(client, (socket_id, channel_name) =>
    post("demo/auth", { socket_id, channel_name, user_id: me.id, name: me.name }));
  new Feed($("feed"), $("publish-form"), me).join(client, people, (message) => post("demo/publish", message));
}

fetch(here("demo/config"))
  .then((r) => r.json())
  .then(start)
  .catch(() => problem("The demo's settings could not be loaded. Reload the page once the server is up."));
