// laravel-echo, pusher-js and the official publisher over TLS, with an authority that only these tests know.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, page, patience, publisher, pusherOf, subscribed, port } from "./lib.mjs";

const timeout = 2 * patience;
const laravel = publisher({ useTLS: true });
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

function visit(t, user) {
  const echo = page(auth, user, { forceTLS: true, wssPort: port, enabledTransports: ["ws", "wss"] });
  t.after(() => echo.disconnect());
  return echo;
}

test("presence, whispers and publishes over wss and https", { timeout }, async (t) => {
  const [one, two] = [visit(t, "1"), visit(t, "2")];
  const got = new Log();
  await subscribed(one.join("room").joining((m) => got.add("joins", m.name)).listenForWhisper("typing", (d) => got.add("whisper", d)).listen(".e", (d) => got.add("e", d.length)));
  const room = two.join("room");
  await subscribed(room);
  assert.deepEqual(await got.count(1), [["joins", "User 2"]]);
  room.whisper("typing", { on: true });
  assert.deepEqual((await got.count(2))[1], ["whisper", { on: true }]);
  // More than one record, and more than one write.
  for (const size of [1, 100_000, 20_000]) {
    const response = await laravel.trigger("presence-room", "e", "x".repeat(size));
    assert.equal(response.status, 200);
  }
  assert.deepEqual((await got.count(5)).slice(2), [["e", 1], ["e", 100_000], ["e", 20_000]]);
  assert.equal(pusherOf(one).connection.state, "connected");
});
