// Compressed messages: pusher-js in Node on the WebSocket of ws, which offers permessage-deflate as browsers do, beside the
// same page on one that does not.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import PusherJS from "pusher-js";
import { WebSocket } from "ws";
import { Log, authServer, connected, page, patience, publisher, subscribed } from "./lib.mjs";

const timeout = 2 * patience;
const laravel = publisher();
const { Runtime } = PusherJS;
const create = Runtime.createWebSocket;
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

// come opens a page whose WebSocket offers to compress, or does not.
async function come(t, offers) {
  let socket;
  Runtime.createWebSocket = (url) => (socket = new WebSocket(url, { perMessageDeflate: offers }));
  t.after(() => (Runtime.createWebSocket = create));
  const echo = page(auth);
  t.after(() => echo.disconnect());
  await connected(echo);
  // What has come and gone over the wire since the last call.
  let [read, written] = [0, 0];
  const wire = () => {
    const { bytesRead, bytesWritten } = socket._socket;
    const since = { read: bytesRead - read, written: bytesWritten - written };
    [read, written] = [bytesRead, bytesWritten];
    return since;
  };
  return { echo, socket, wire };
}

const order = {
  text: "Grüße 👋",
  lines: Array.from({ length: 60 }, (_, i) => ({ id: 7919 * (i + 1), sku: `SKU-${10007 * i}`, quantity: 1 + (i % 9), note: "as agreed" })),
};
const size = JSON.stringify(JSON.stringify(order)).length;

test("what is sent to who has offered it takes less on the wire, and is the same", { timeout }, async (t) => {
  const [squeezed, plain] = [await come(t, true), await come(t, false)];
  assert.equal(squeezed.socket.extensions, "permessage-deflate");
  assert.equal(plain.socket.extensions, "");
  const got = await Promise.all([squeezed, plain].map(async ({ echo }) => {
    const log = new Log();
    await subscribed(echo.channel("orders").listen(".e", (data) => log.add(data)));
    return log;
  }));
  squeezed.wire();
  plain.wire();
  for (let n = 0; n < 5; n++) await laravel.trigger("orders", "e", { ...order, n });
  for (const log of got) assert.deepEqual(await log.count(5), Array.from({ length: 5 }, (_, n) => ({ ...order, n })));
  const [less, whole] = [squeezed.wire().read, plain.wire().read];
  assert.ok(whole > 5 * size, `${whole} bytes came for five times ${size}`);
  assert.ok(less < whole / 3, `${less} bytes came compressed, ${whole} plain`);
});

test("a whisper that the client has compressed reaches the others", { timeout }, async (t) => {
  const [squeezed, plain] = [await come(t, true), await come(t, false)];
  const got = new Log();
  await subscribed(squeezed.echo.private("whispers"));
  await subscribed(plain.echo.private("whispers").listenForWhisper("typing", (data) => got.add(data)));
  squeezed.wire();
  // ws compresses messages of 1 KB and more.
  for (let n = 0; n < 5; n++) squeezed.echo.private("whispers").whisper("typing", { ...order, n });
  assert.deepEqual(await got.count(5), Array.from({ length: 5 }, (_, n) => ({ ...order, n })));
  const { written } = squeezed.wire();
  assert.ok(written < (5 * JSON.stringify(order).length) / 3, `${written} bytes were sent for five times ${JSON.stringify(order).length}`);
});

test("a whisper that unfolds to more than the server takes closes the connection, however small it came", { timeout }, async (t) => {
  const { echo, socket } = await come(t, true);
  await subscribed(echo.private("bombs"));
  const closed = new Promise((done) => socket.once("close", (code) => done(code)));
  echo.private("bombs").whisper("typing", "x".repeat(1 << 24));
  assert.equal(await closed, 1009);
});
