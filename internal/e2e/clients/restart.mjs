// laravel-echo with pusher-js in Node while the server stops, crashes and comes back on its port.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, connected, control, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

// A refused dial costs pusher-js 15 s, and a second one 30 s more.
const timeout = 3 * patience;
const laravel = publisher();
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

// resident is a page with one channel of each kind, whose events go to a log.
async function resident(t) {
  const echo = page(auth, "1");
  t.after(() => echo.disconnect());
  const got = new Log();
  const channels = [echo.channel("r"), echo.private("r"), echo.join("r")];
  for (const channel of channels) channel.listen(".e", (data) => got.add(channel.name, data));
  await Promise.all(channels.map(subscribed));
  return { echo, got, channels };
}

const names = ["r", "private-r", "presence-r"];

// again resolves when every channel has been subscribed to once more.
const again = (channels) =>
  Promise.all(channels.map((channel) => soon(`${channel.name} again`, (done) => channel.on("pusher:subscription_succeeded", done))));

for (const [how, action, codes] of [
  ["a graceful stop closes with 1001", "stop", [1001]],
  ["a crash is only the end of the stream", "kill", [1006]],
]) {
  test(`${how}; Echo comes back and is on its channels by itself`, { timeout }, async (t) => {
    const { echo, got, channels } = await resident(t);
    const before = echo.socketId();
    const closed = new Log();
    pusherOf(echo).connection.connection.transport.socket.addEventListener("close", (e) => closed.add(e.code));
    const back = again(channels);
    await control(action);
    assert.deepEqual(await closed.count(1), codes);
    await control("start");
    await back;
    assert.notEqual(await connected(echo), before);
    for (const name of names) await laravel.trigger(name, "e", how);
    assert.deepEqual((await got.count(3)).sort(), names.map((name) => [name, how]).sort());
    assert.deepEqual(Object.keys(pusherOf(echo).channel("presence-r").members.members), ["1"]);
  });
}
