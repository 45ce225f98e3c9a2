// Rate limits, full presence channels and subscription counts, as laravel-echo sees them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, connected, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

// The limits of the server that the Go test has started.
const attempts = 10;
const members = 3;

const timeout = 2 * patience;
const laravel = publisher();
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

function visit(t, user = "1") {
  const echo = page(auth, user);
  t.after(() => echo.disconnect());
  return echo;
}

test("more whispers than allowed are refused with 4301, and the socket stays", { timeout }, async (t) => {
  const [loud, other] = [visit(t, "1"), visit(t, "2")];
  const [errors, got] = [new Log(), new Log()];
  pusherOf(loud).connection.bind("error", (e) => errors.add(e.data.code));
  other.private("chat").listenForWhisper("n", (n) => got.add(n)).listen(".mark", (data) => got.add(data));
  await Promise.all([loud, other].map((echo) => subscribed(echo.private("chat"))));
  for (let n = 1; n <= attempts + 3; n++) loud.private("chat").whisper("n", { n });
  assert.deepEqual(await errors.count(3), [4301, 4301, 4301]);
  const passed = Array.from({ length: attempts }, (_, i) => ({ n: i + 1 }));
  assert.deepEqual(await got.count(attempts), passed);

  // It still hears, is answered its pings, and may subscribe.
  const heard = new Log();
  loud.private("chat").listen(".mark", (data) => heard.add(data));
  await laravel.trigger("private-chat", "mark", "still here");
  assert.deepEqual(await heard.count(1), ["still here"]);
  assert.deepEqual(await got.count(attempts + 1), [...passed, "still here"]);
  const { connection } = pusherOf(loud);
  const pong = soon("pong", (done) => connection.bind("message", (m) => m.event === "pusher:pong" && done()));
  connection.send_event("pusher:ping", {});
  await pong;
  await subscribed(loud.private("another"));
  assert.equal(errors.entries.length, 3);
});

test("a page with far more channels than messages allowed comes back to all of them", { timeout }, async (t) => {
  const echo = visit(t);
  const errors = new Log();
  pusherOf(echo).connection.bind("error", (e) => errors.add(e));
  const channels = Array.from({ length: 8 * attempts }, (_, i) => echo.private(`many.${i}`));
  const got = new Log();
  for (const channel of channels) channel.listen(".e", (data) => got.add(channel.name, data)).error((e) => errors.add(e));
  const all = () =>
    Promise.all(channels.map((c) => soon(`${c.name} subscribed`, (done) => c.on("pusher:subscription_succeeded", done))));
  await all();
  const before = await connected(echo);
  const again = all();
  pusherOf(echo).connection.connection.transport.socket.close(4100, "as if the network had gone");
  await again;
  assert.notEqual(echo.socketId(), before);
  await laravel.trigger(channels.map((c) => c.name), "e", 1);
  await got.count(channels.length);
  assert.deepEqual(errors.entries.filter((e) => e.data?.code === 4301 || e.type === "LimitReached"), []);
});

test("a full presence channel says so in error(); a further socket of a member is no member", { timeout }, async (t) => {
  const users = Array.from({ length: members }, (_, i) => `${i + 1}`);
  await Promise.all(users.map((user) => subscribed(visit(t, user).join("club"))));
  await subscribed(visit(t, "1").join("club"));
  const late = visit(t, "4");
  const error = await soon("error()", (done) => late.join("club").error(done));
  assert.deepEqual([error.type, error.status], ["LimitReached", 429]);
  await subscribed(late.join("elsewhere"));
});

test("a channel is told how many are on it, at each change", { timeout }, async (t) => {
  const first = visit(t);
  const counts = new Log();
  const channel = first.channel("counted");
  channel.on("pusher:subscription_count", (data) => counts.add(data.subscription_count));
  await subscribed(channel);
  assert.deepEqual(await counts.count(1), [1]);
  const second = visit(t, "2");
  await subscribed(second.channel("counted"));
  assert.deepEqual(await counts.count(2), [1, 2]);
  assert.equal(pusherOf(first).channel("counted").subscriptionCount, 2);
  second.leave("counted");
  assert.deepEqual(await counts.count(3), [1, 2, 1]);

  // Who is on a presence channel is told who, not how many.
  const room = first.join("counted");
  room.on("pusher:subscription_count", () => counts.add("presence"));
  await subscribed(room);
  await subscribed(second.channel("counted"));
  assert.deepEqual(await counts.count(4), [1, 2, 1, 2]);
});

test("above a hundred the count comes by itself, in one event for many changes", { timeout }, async (t) => {
  const first = visit(t);
  const counts = new Log();
  first.channel("crowded").on("pusher:subscription_count", (data) => counts.add(data.subscription_count));
  await subscribed(first.channel("crowded"));
  await Promise.all(Array.from({ length: 119 }, () => subscribed(visit(t).channel("crowded"))));
  await counts.until((entries) => entries.at(-1) === 120, "a count of 120");
  assert.deepEqual(counts.entries.slice(0, 100), Array.from({ length: 100 }, (_, i) => i + 1));
  assert.ok(counts.entries.length < 110, `${counts.entries.length} counts for 120 changes`);
});
