// laravel-echo and pusher-js on several nodes that are one server. Here it matters which node a page is on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, dismissed, eventually, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

const timeout = 2 * patience;
const ports = process.env.NODE_PORTS.split(",").map(Number);
const port = (node) => ports[node % ports.length];
const laravel = ports.map((_, node) => publisher({ port: String(port(node)) }));
const each = (what) => Promise.all(ports.map((_, node) => what(node)));
let auth;

before(async () => (auth = await authServer({ ann: ["bob", "cid"] })));
after(() => auth.close());

// visit opens a page on a node.
function visit(t, node, user = "1", options) {
  const echo = page(auth, user, { wsPort: port(node), wssPort: port(node), ...options });
  t.after(() => echo.disconnect());
  return echo;
}

async function get(node, path, params) {
  const response = await laravel[node % ports.length].get({ path, params });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("resound-partial"), null);
  return response.json();
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("what is published on any node is on all of them once, in one order", { timeout }, async (t) => {
  const logs = await each(async (node) => {
    const got = new Log();
    await subscribed(visit(t, node).channel("order").listen(".e", (n) => got.add(n)));
    return got;
  });
  for (const n of range(1, 60)) await laravel[n % ports.length].trigger("order", "e", n);
  // And without waiting for the answers: there is no order of the publisher's then, but the nodes have one.
  await Promise.all(range(61, 200).map((n) => laravel[n % ports.length].trigger("order", "e", n)));
  for (const got of logs) {
    await got.count(200);
    assert.deepEqual(got.entries.slice(0, 60), range(1, 60));
    assert.deepEqual([...got.entries].sort((a, b) => a - b), range(1, 200));
    assert.deepEqual(got.entries, logs[0].entries);
  }
});

test("toOthers leaves out a socket of another node", { timeout }, async (t) => {
  const echoes = ports.map((_, node) => visit(t, node));
  const logs = await Promise.all(echoes.map(async (echo) => {
    const got = new Log();
    await subscribed(echo.channel("others").listen(".e", (n) => got.add(n)));
    return got;
  }));
  for (const publishing of laravel) {
    await publishing.trigger("others", "e", "to others", { socket_id: echoes[1].socketId() });
    await publishing.trigger("others", "e", "to all");
  }
  const want = (...list) => ports.flatMap(() => list);
  for (const [node, got] of logs.entries()) {
    const list = node === 1 ? want("to all") : want("to others", "to all");
    assert.deepEqual(await got.count(list.length), list);
  }
});

test("a batch is in its order on all nodes, with the socket_id of each", { timeout }, async (t) => {
  const echoes = ports.map((_, node) => visit(t, node));
  const logs = await Promise.all(echoes.map(async (echo) => {
    const got = new Log();
    await subscribed(echo.channel("batches").listen(".e", (n) => got.add(n)));
    return got;
  }));
  await laravel[0].triggerBatch([
    { channel: "batches", name: "e", data: 1 },
    { channel: "batches", name: "e", data: 2, socket_id: echoes[1].socketId() },
    { channel: "batches", name: "e", data: 3 },
  ]);
  await laravel[1].trigger("batches", "e", 4);
  for (const [node, got] of logs.entries()) {
    const list = node === 1 ? [1, 3, 4] : [1, 2, 3, 4];
    assert.deepEqual(await got.count(list.length), list);
  }
});

for (const [kind, name, join] of [
  ["private", "private-whispers", (echo) => echo.private("whispers")],
  ["presence", "presence-whispers", (echo) => echo.join("whispers")],
]) {
  test(`whispers on a ${kind} channel reach the other nodes, and not who whispers`, { timeout }, async (t) => {
    const pages = await each(async (node) => {
      const got = new Log();
      const channel = join(visit(t, node, String(node + 1)));
      channel.listenForWhisper("typing", (data, meta) => got.add(data, meta?.user_id)).listen(".end", () => got.add("end"));
      await subscribed(channel);
      return { got, channel };
    });
    for (const [node, { channel }] of pages.entries()) {
      channel.whisper("typing", { node });
      const others = pages.filter((_, other) => other !== node);
      await Promise.all(others.map(({ got }) => got.until((all) => all.some(([data]) => data?.node === node), `the whisper of node ${node}`)));
    }
    await laravel[0].trigger(name, "end", {});
    for (const [node, { got }] of pages.entries()) {
      const want = ports.map((_, n) => [{ node: n }, kind === "presence" ? String(n + 1) : undefined]).filter((_, n) => n !== node);
      assert.deepEqual(await got.until((all) => all.at(-1) === "end" && all, "the end"), [...want, "end"]);
    }
  });
}

test("presence: who is here is complete on each node, and a user on several is one", { timeout }, async (t) => {
  const log = new Log();
  const member = (id) => ({ name: `User ${id}` });
  const first = visit(t, 0, "1").join("room");
  first.here((users) => log.add("here", users)).joining((u) => log.add("joining", u)).leaving((u) => log.add("leaving", u));
  assert.deepEqual(await log.count(1), [["here", [member(1)]]]);

  const two = visit(t, 1, "2");
  assert.deepEqual(await soon("here of the second", (done) => two.join("room").here(done)), [member(1), member(2)]);
  assert.deepEqual((await log.count(2))[1], ["joining", member(2)]);

  // User 2 also on another node, and user 1 also on the node of user 2: nobody joins.
  const again = visit(t, 2, "2");
  assert.deepEqual(await soon("here of the second's other page", (done) => again.join("room").here(done)), [member(1), member(2)]);
  const beside = visit(t, 1, "1");
  assert.deepEqual(await soon("here of the first's other page", (done) => beside.join("room").here(done)), [member(1), member(2)]);
  await each(async (node) => {
    assert.deepEqual((await get(node, "/channels/presence-room/users")).users.map(({ id }) => String(id)).sort(), ["1", "2"]);
    assert.deepEqual(await get(node, "/channels/presence-room", { info: "user_count" }), { occupied: true, user_count: 2 });
  });

  two.leave("room");
  beside.disconnect();
  const three = visit(t, 2, "3");
  await soon("here of the third", (done) => three.join("room").here(done));
  assert.deepEqual((await log.count(3))[2], ["joining", member(3)]);
  again.disconnect();
  assert.deepEqual((await log.count(4))[3], ["leaving", member(2)]);
  await each((node) => eventually(`two users, as node ${node} sees it`, async () => (await get(node, "/channels/presence-room", { info: "user_count" })).user_count === 2));
});

test("channels, subscriptions and connections are counted over all nodes", { timeout }, async (t) => {
  const before = (await get(0, "/connections")).connections;
  await each((node) => subscribed(visit(t, node).channel("counted")));
  await subscribed(visit(t, 1).channel("counted-too"));
  await each(async (node) => {
    // Pages of the tests before may be on their way out.
    await eventually("the connections", async () => (await get(node, "/connections")).connections <= before + ports.length + 1);
    assert.deepEqual(await get(node, "/channels/counted", { info: "subscription_count" }), { occupied: true, subscription_count: ports.length });
    assert.deepEqual(Object.keys((await get(node, "/channels", { filter_by_prefix: "counted" })).channels).sort(), ["counted", "counted-too"]);
    assert.equal((await get(node, "/channels/counted-not")).occupied, false);
  });
});

test("a user's own events find its pages on all nodes", { timeout }, async (t) => {
  const got = new Log();
  await each(async (node) => {
    const { user } = pusherOf(signIn(t, node, "eve"));
    await known(user);
    user.bind("paid", (data) => got.add(node, data));
  });
  for (const [from, publishing] of laravel.entries()) await publishing.sendToUser("eve", "paid", { from });
  const want = ports.flatMap((_, node) => ports.map((_, from) => [node, { from }]));
  assert.deepEqual([...(await got.count(want.length))].sort(), want);
});

test("watchlists know of users on other nodes", { timeout }, async (t) => {
  const seen = new Log();
  const watch = async (node) => {
    const { user } = pusherOf(signIn(t, node, "ann"));
    for (const event of ["online", "offline"]) user.watchlist.bind(event, (e) => seen.add(event, [...e.user_ids].sort()));
    await known(user);
  };
  await watch(0);
  assert.deepEqual(await seen.count(1), [["offline", ["bob", "cid"]]]);
  const bob = signIn(t, 1, "bob");
  assert.deepEqual((await seen.count(2))[1], ["online", ["bob"]]);
  const tab = signIn(t, 2, "bob");
  await known(pusherOf(tab).user);
  bob.disconnect();
  const cid = signIn(t, 1, "cid");
  assert.deepEqual((await seen.count(3))[2], ["online", ["cid"]]);
  tab.disconnect();
  assert.deepEqual((await seen.count(4))[3], ["offline", ["bob"]]);
  cid.disconnect();
  assert.deepEqual((await seen.count(5))[4], ["offline", ["cid"]]);
});

test("a user is shown out of all nodes", { timeout }, async (t) => {
  const bad = await each(async (node) => {
    const echo = signIn(t, node, "mal");
    await known(pusherOf(echo).user);
    return echo;
  });
  const member = visit(t, 1, "mal");
  await subscribed(member.join("club"));
  const good = visit(t, 1, "una").join("club");
  await subscribed(good);
  const left = soon("leaving", (done) => good.leaving(done));
  const out = Promise.all([...bad, member].map(dismissed));
  assert.deepEqual(await (await laravel[0].terminateUserConnections("mal")).json(), {});
  await out;
  assert.deepEqual(await left, { name: "User mal" });
});

test("the newest event of a cache channel is there on each node", { timeout }, async (t) => {
  for (const [from, publishing] of laravel.entries()) {
    await publishing.trigger("cache-rates", "e", { from });
    await each(async (node) => {
      const got = new Log();
      pusherOf(visit(t, node)).subscribe("cache-rates").bind("e", (data) => got.add(data));
      assert.deepEqual(await got.count(1), [{ from }]);
    });
  }
});

// signIn opens a page that signs in.
function signIn(t, node, name) {
  const echo = visit(t, node, name);
  echo.connector.signin();
  return echo;
}

// known resolves once the user is signed in and has its own channel.
async function known(user) {
  await user.signinDonePromise;
  assert.ok(user.user_data, "the sign-in has failed");
  const channel = user.serverToUserChannel;
  if (!channel.subscribed) await soon(`subscription to ${channel.name}`, (done) => channel.bind("pusher:subscription_succeeded", done));
}
