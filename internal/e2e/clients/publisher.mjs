// The official Node publisher: everything it can ask of the HTTP API.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, app, authServer, connected, dismissed, get, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

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

// refusal is the error of a request that must not succeed.
async function refusal(request) {
  try {
    await request;
  } catch (error) {
    return error;
  }
  assert.fail("the request was not refused");
}

test("trigger to one channel and to a hundred", { timeout }, async (t) => {
  const echo = visit(t);
  const got = new Log();
  const names = Array.from({ length: 100 }, (_, i) => `bulk-${i}`);
  await Promise.all(names.map((name) => subscribed(echo.channel(name).listen(".e", (d) => got.add(name, d)))));
  const one = await laravel.trigger("bulk-3", "e", "one");
  assert.equal(one.status, 200);
  assert.deepEqual(await one.json(), {});
  const hundred = await laravel.trigger(names, "e", "all");
  assert.equal(hundred.status, 200);
  const entries = await got.count(101);
  assert.deepEqual(entries[0], ["bulk-3", "one"]);
  assert.deepEqual(entries.slice(1).sort(), names.map((name) => [name, "all"]).sort());
});

test("trigger that asks for info gets it", { timeout }, async (t) => {
  const echo = visit(t, "9");
  await Promise.all([subscribed(echo.channel("info")), subscribed(echo.join("info"))]);
  const response = await laravel.trigger(["info", "presence-info"], "e", {}, { info: "subscription_count,user_count" });
  const { channels } = await response.json();
  assert.equal(channels.info.subscription_count, 1);
  assert.equal(channels["presence-info"].user_count, 1);
});

test("triggerBatch keeps order, and socket_id of each", { timeout }, async (t) => {
  const [mine, theirs] = [visit(t), visit(t)];
  const [own, got] = [new Log(), new Log()];
  await Promise.all([
    subscribed(mine.channel("batch").listen(".e", (d) => own.add(d))),
    subscribed(theirs.channel("batch").listen(".e", (d) => got.add(d))),
  ]);
  const response = await laravel.triggerBatch([
    { channel: "batch", name: "e", data: { n: 1 } },
    { channel: "batch", name: "e", data: { n: 2 }, socket_id: mine.socketId() },
    { channel: "batch", name: "e", data: { n: 3 } },
  ]);
  assert.deepEqual(await response.json(), { batch: {} });
  assert.deepEqual(await got.count(3), [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.deepEqual(await own.count(2), [{ n: 1 }, { n: 3 }]);
});

test("channels, one channel, its users, and connections", { timeout }, async (t) => {
  const [one, two] = [visit(t, "1"), visit(t, "2")];
  await Promise.all([
    subscribed(one.channel("q-public")),
    subscribed(two.channel("q-public")),
    subscribed(one.private("q")),
    subscribed(one.join("q")),
    subscribed(two.join("q")),
  ]);
  const { channels } = await get("/channels");
  for (const name of ["q-public", "private-q", "presence-q"]) assert.ok(name in channels, name);
  assert.deepEqual(await get("/channels", { filter_by_prefix: "presence-q", info: "user_count" }), {
    channels: { "presence-q": { user_count: 2 } },
  });
  assert.deepEqual(await get("/channels", { filter_by_prefix: "no-such" }), { channels: {} });
  assert.deepEqual(await get("/channels/q-public", { info: "subscription_count" }), { occupied: true, subscription_count: 2 });
  assert.deepEqual(await get("/channels/presence-q", { info: "user_count" }), { occupied: true, user_count: 2 });
  assert.equal((await get("/channels/no-such")).occupied, false);
  const { users } = await get("/channels/presence-q/users");
  assert.deepEqual(users.map((user) => String(user.id)).sort(), ["1", "2"]);
  assert.equal((await get("/connections")).connections, 2);
});

test("a terminated user is out and stays out", { timeout }, async (t) => {
  const [bad, good] = [visit(t, "66"), visit(t, "77")];
  await Promise.all([subscribed(bad.join("club")), subscribed(good.join("club"))]);
  const left = soon("leaving", (done) => good.join("club").leaving(done));
  const out = dismissed(bad);
  const response = await laravel.terminateUserConnections("66");
  assert.deepEqual(await response.json(), {});
  await out;
  assert.deepEqual(await left, { name: "User 66" });
  assert.equal(pusherOf(bad).connection.state, "disconnected");
  assert.equal(pusherOf(good).connection.state, "connected");
  assert.deepEqual((await get("/channels/presence-club/users")).users.map((user) => String(user.id)), ["77"]);
});

test("refusals say what to do", { timeout }, async () => {
  const secret = await refusal(publisher({ secret: "wrong" }).trigger("c", "e", {}));
  assert.equal(secret.status, 401);
  assert.match(secret.body, /^Authentication signature invalid\..*REVERB_APP_SECRET/);
  assert.equal(secret.body.trim().split("\n").length, 1);

  const key = await refusal(publisher({ key: "wrong" }).trigger("c", "e", {}));
  assert.equal(key.status, 401);
  assert.match(key.body, /REVERB_APP_KEY/);

  const id = await refusal(publisher({ appId: "4711" }).trigger("c", "e", {}));
  assert.equal(id.status, 404);
  assert.match(id.body, /4711/);
});

test("a key that is no application's closes for good", { timeout }, async (t) => {
  const echo = page(auth, "1", { key: `${app.key}-no` });
  t.after(() => echo.disconnect());
  const { connection } = pusherOf(echo);
  const errors = new Log();
  connection.bind("error", (e) => errors.add(e.data?.code ?? e.error?.data?.code));
  await soon("state disconnected", (done) => connection.bind("disconnected", done));
  assert.ok(await errors.until((codes) => codes.includes(4001), "error 4001"));
  // The server is there for everybody else.
  await connected(visit(t));
});
