// Stock pusher-js, with the browser package and without it, while one process of the server follows another on the same
// listening socket and events are published all the time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import PusherJS from "pusher-js";
import Stock from "pusher-js-8.4.0";
import replay from "../../../clients/js/dist/index.js";
import { Log, authServer, control, eventually, page, patience, publisher, pusherOf, subscribed } from "./lib.mjs";

const timeout = 4 * patience;
const restarts = 4;
const laravel = publisher();
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

// until asks now and then until the answer is yes.
const until = (what, ask) => eventually(what, () => new Promise((answer) => setTimeout(() => answer(ask()), 5)));

// visitor is a page on one channel that notes what it gets, and each change of its connection.
async function visitor(t, Pusher) {
  const echo = page(auth, "1", { Pusher });
  t.after(() => echo.disconnect());
  const [got, states] = [new Log(), new Log()];
  const channel = echo.channel("r").listen(".e", ({ n }) => got.add(n));
  await subscribed(channel);
  pusherOf(echo).connection.bind("state_change", ({ current }) => states.add(current));
  return { got, states, id: () => echo.socketId() };
}

test("pages come back at once, and those with the package miss nothing", { timeout }, async (t) => {
  const exact = await visitor(t, replay(PusherJS));
  const stock = await visitor(t, Stock);
  let [sent, done] = [0, false];
  const acked = [];
  const publishing = (async () => {
    while (!done) {
      const n = ++sent;
      try {
        await laravel.trigger("r", "e", { n });
        acked.push(n);
      } catch {} // nobody knows whether it has arrived
    }
  })();
  for (let round = 1; round <= restarts; round++) {
    const [from, ids] = [acked.length, [exact.id(), stock.id()]];
    await until("events to be published", () => acked.length > from + 10);
    await control("next");
    for (const [i, who] of [exact, stock].entries())
      await until(`page ${i} to be back`, () => who.id() && who.id() !== ids[i] && who.states.entries.at(-1) === "connected");
    await until("events to be published again", () => acked.length > from + 20);
  }
  done = true;
  await publishing;
  const last = acked.at(-1);
  for (const who of [exact, stock]) {
    await until("the last event", () => who.got.entries.at(-1) >= last);
    assert.deepEqual(who.got.entries, [...new Set(who.got.entries)].sort((a, b) => a - b), "once each, and in order");
    // One dial for each restart, and none that was refused: pusher-js would have become unavailable, and waited for 15 s.
    assert.deepEqual(who.states.entries, Array(restarts).fill(["connecting", "connected"]).flat());
  }
  const arrived = new Set(exact.got.entries);
  assert.deepEqual(acked.filter((n) => !arrived.has(n)), [], "the package has every event that was acknowledged");
});
