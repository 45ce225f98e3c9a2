// laravel-echo with pusher-js in Node: everything a Laravel page does with channels.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, connected, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

const timeout = 2 * patience;
const laravel = publisher();
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

// visit opens a page that is closed after the test.
function visit(t, user, options) {
  const echo = page(auth, user, options);
  t.after(() => echo.disconnect());
  return echo;
}

test("connects, says so, and has a socket id", { timeout }, async (t) => {
  const echo = visit(t, "1");
  const states = new Log();
  pusherOf(echo).connection.bind("state_change", ({ current }) => states.add(current));
  const id = await connected(echo);
  assert.match(id, /^\d+\.\d+$/);
  assert.equal(echo.socketId(), id);
  assert.deepEqual(await states.count(1), ["connected"]);
  assert.equal(echo.connectionStatus(), "connected");
  echo.disconnect();
  assert.deepEqual(await states.count(2), ["connected", "disconnected"]);
});

test("public channel: namespaced and literal events, in order", { timeout }, async (t) => {
  const channel = visit(t).channel("orders");
  const got = new Log();
  channel.listen("OrderShipped", (data) => got.add("class", data)).listen(".order.paid", (data) => got.add("literal", data));
  channel.listenToAll((event, data) => got.add("all", event, data));
  await subscribed(channel);
  await laravel.trigger("orders", "App\\Events\\OrderShipped", { id: 7 });
  await laravel.trigger("orders", "order.paid", { id: 8 });
  // pusher-js calls who listens to everything first.
  assert.deepEqual(await got.count(4), [
    ["all", "OrderShipped", { id: 7 }],
    ["class", { id: 7 }],
    ["all", ".order.paid", { id: 8 }],
    ["literal", { id: 8 }],
  ]);
});

test("private channel", { timeout }, async (t) => {
  const channel = visit(t, "1").private("orders.1");
  const got = new Log();
  channel.listen("Paid", (data) => got.add(data));
  await subscribed(channel);
  await laravel.trigger("private-orders.1", "App\\Events\\Paid", { cents: 995 });
  assert.deepEqual(await got.count(1), [{ cents: 995 }]);
});

test("a refused channel fires error(), whether the application or the server refuses", { timeout }, async (t) => {
  const nobody = visit(t, "nobody").private("secret");
  const status = await soon("error() of the application", (done) => nobody.error(done));
  assert.equal(status.status, 403);

  const forger = publisher({ secret: "another-secret" });
  const forged = visit(t, "1", {
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) => callback(null, forger.authorizeChannel(socketId, channelName)),
    },
  });
  const error = await soon("error() of the server", (done) => forged.private("secret").error(done));
  assert.equal(error.status, 401);
  assert.equal(error.type, "AuthError");

  // The socket is as good as before.
  const channel = forged.channel("open-to-all");
  await subscribed(channel);
});

test("a custom authorizer signs", { timeout }, async (t) => {
  const echo = visit(t, "1", {
    authorizer: (channel) => ({
      authorize: (socketId, callback) => callback(null, laravel.authorizeChannel(socketId, channel.name)),
    }),
  });
  const channel = echo.private("custom");
  const got = new Log();
  channel.listen(".ok", (data) => got.add(data));
  await subscribed(channel);
  await laravel.trigger("private-custom", "ok", 1);
  assert.deepEqual(await got.count(1), [1]);
});

test("presence: here, joining and leaving, one user on two sockets", { timeout }, async (t) => {
  const log = new Log();
  const member = (id) => ({ name: `User ${id}` });
  const first = visit(t, "1").join("room.1");
  first.here((users) => log.add("here", users)).joining((u) => log.add("joining", u)).leaving((u) => log.add("leaving", u));
  await log.count(1);
  assert.deepEqual(log.entries, [["here", [member(1)]]]);

  const two = visit(t, "2");
  const seen = await soon("here of the second", (done) => two.join("room.1").here(done));
  assert.deepEqual(seen, [member(1), member(2)]);
  await log.count(2);
  assert.deepEqual(log.entries[1], ["joining", member(2)]);

  // Another socket of user 2 is no joining, and as long as one is left no leaving.
  const again = visit(t, "2");
  const also = await soon("here of the second's other tab", (done) => again.join("room.1").here(done));
  assert.deepEqual(also, [member(1), member(2)]);
  two.leave("room.1");
  const three = visit(t, "3");
  await soon("here of the third", (done) => three.join("room.1").here(done));
  await log.count(3);
  assert.deepEqual(log.entries[2], ["joining", member(3)]);
  again.disconnect();
  await log.count(4);
  assert.deepEqual(log.entries[3], ["leaving", member(2)]);
});

test("presence: the members are users with string ids", { timeout }, async (t) => {
  const echo = visit(t, "42");
  await soon("here", (done) => echo.join("room.2").here(done));
  const { members } = pusherOf(echo).channel("presence-room.2");
  assert.equal(members.count, 1);
  assert.equal(members.myID, "42");
  assert.deepEqual(members.me, { id: "42", info: { name: "User 42" } });
});

for (const [kind, name, join] of [
  ["private", "private-chat", (echo) => echo.private("chat")],
  ["presence", "presence-chat", (echo) => echo.join("chat")],
  ["public", "chat", (echo) => echo.channel("chat")],
]) {
  test(`whisper on a ${kind} channel`, { timeout }, async (t) => {
    const [mine, theirs] = [visit(t, "1"), visit(t, "2")];
    const [here, there] = [join(mine), join(theirs)];
    const [own, got] = [new Log(), new Log()];
    here.listenForWhisper("typing", (data) => own.add(data));
    there.listenForWhisper("typing", (data, meta) => got.add(data, meta));
    await Promise.all([subscribed(here), subscribed(there)]);
    // Echo's public channel has no whisper(), and pusher-js still sends on any.
    if (kind === "public") pusherOf(mine).send_event("client-typing", { text: "hé" }, name);
    else here.whisper("typing", { text: "hé" });
    const [[data, meta]] = await got.count(1);
    assert.deepEqual(data, { text: "hé" });
    assert.equal(meta?.user_id, kind === "presence" ? "1" : undefined);
    // What is published afterwards comes afterwards: the own whisper did not come.
    here.listen(".end", () => own.add("end"));
    await laravel.trigger(name, "end", {});
    assert.deepEqual(await own.count(1), ["end"]);
  });
}

test("toOthers leaves out the socket that asked", { timeout }, async (t) => {
  const [mine, theirs] = [visit(t), visit(t)];
  const [own, got] = [new Log(), new Log()];
  const channels = [mine.channel("todo").listen(".add", (d) => own.add(d)), theirs.channel("todo").listen(".add", (d) => got.add(d))];
  await Promise.all(channels.map(subscribed));
  await laravel.trigger("todo", "add", "to others", { socket_id: mine.socketId() });
  await laravel.trigger("todo", "add", "to all");
  assert.deepEqual(await got.count(2), ["to others", "to all"]);
  assert.deepEqual(await own.count(1), ["to all"]);
});

test("stopListening and leave", { timeout }, async (t) => {
  const echo = visit(t);
  const got = new Log();
  const listen = (name) => echo.channel(name).listen(".e", (data) => got.add(name, data));
  const channels = ["a", "b", "c"].map(listen);
  await Promise.all(channels.map(subscribed));
  channels[0].stopListening(".e");
  echo.leave("b");
  await laravel.trigger(["a", "b", "c"], "e", 1);
  await laravel.trigger("c", "e", 2);
  assert.deepEqual(await got.count(2), [["c", 1], ["c", 2]]);
  const { channels: list } = await (await laravel.get({ path: "/channels", params: { filter_by_prefix: "b" } })).json();
  assert.deepEqual(list, {});
  // Who comes back is on it again.
  await subscribed(listen("b"));
  await laravel.trigger("b", "e", 3);
  assert.deepEqual((await got.count(3))[2], ["b", 3]);
});

test("many channels at once, each with its own events", { timeout }, async (t) => {
  const echo = visit(t, "1");
  const got = new Log();
  const names = Array.from({ length: 40 }, (_, i) => `many.${i}`);
  await Promise.all(names.map((name, i) => subscribed((i % 2 ? echo.private(name) : echo.channel(name)).listen(".e", (d) => got.add(name, d)))));
  await laravel.triggerBatch(names.slice(0, 10).map((name, i) => ({ channel: i % 2 ? `private-${name}` : name, name: "e", data: i })));
  // Between channels there is no order.
  assert.deepEqual((await got.count(10)).sort((a, b) => a[1] - b[1]), names.slice(0, 10).map((name, i) => [name, i]));
});

test("unicode, and payloads of just under 10 kB, arrive as they were", { timeout }, async (t) => {
  const channel = visit(t).channel("text");
  const got = new Log();
  channel.listen(".e", (data) => got.add(data));
  await subscribed(channel);
  const sent = [
    "Grüße, 你好, 👩‍👩‍👧‍👦 \u2028\u2029 \u0000 \\ \" / </script>",
    { "ключ": ["🚀", null, 1.5, true, { "": "" }] },
    "x".repeat(9_900),
    "ü".repeat(4_900),
    [],
    {},
    0,
  ];
  for (const data of sent) await laravel.trigger("text", "e", data);
  assert.deepEqual(await got.count(sent.length), sent);
});
