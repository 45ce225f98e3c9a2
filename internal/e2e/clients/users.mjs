// pusher-js signs in as a user, against a real endpoint: its own channel, who is here, and being shown out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Log,
  authServer,
  connected,
  control,
  dials,
  dismissed,
  eventually,
  get,
  page,
  patience,
  publisher,
  pusherOf,
  soon,
  subscribed,
} from "./lib.mjs";

// A refused dial costs pusher-js 15 s, and a second one 30 s more.
const timeout = 3 * patience;
const laravel = publisher();
const crowd = Array.from({ length: 101 }, (_, i) => `c${i}`);
let auth;

before(async () => (auth = await authServer({ ann: ["bob", "cid"], dan: ["bob"], max: crowd.slice(1), over: crowd })));
after(() => auth.close());

function visit(t, user, options) {
  const echo = page(auth, user, options);
  t.after(() => echo.disconnect());
  return echo;
}

// signedIn resolves once the user is known and its own channel has been taken.
async function signedIn(echo) {
  const { user } = pusherOf(echo);
  await user.signinDonePromise;
  assert.ok(user.user_data, "the sign-in has failed");
  const channel = user.serverToUserChannel;
  if (!channel.subscribed) await soon(`subscription to ${channel.name}`, (done) => channel.bind("pusher:subscription_succeeded", done));
  return user;
}

// enter opens a page that signs in. Its errors, and whom it sees come and go, are logged.
async function enter(t, name, options) {
  const echo = visit(t, name, options);
  const seen = new Log();
  const errors = new Log();
  const { user, connection } = pusherOf(echo);
  for (const event of ["online", "offline"]) user.watchlist.bind(event, (e) => seen.add(event, e.user_ids));
  connection.bind("error", (e) => errors.add(e.data?.code ?? e.error?.data?.code));
  echo.connector.signin();
  await signedIn(echo);
  return { echo, user, seen, errors };
}

test("a user is signed in, and gets what is for it alone, on all its sockets", { timeout }, async (t) => {
  const ids = ["eve", "eve", "fay"];
  const [first, second, other] = await Promise.all(ids.map((id) => enter(t, id)));
  assert.deepEqual(first.user.user_data, { id: "eve", user_info: { name: "User eve" } });
  const got = new Log();
  for (const [i, { user }] of [first, second, other].entries()) user.bind("paid", (data) => got.add(i, data));
  assert.equal((await laravel.sendToUser("eve", "paid", { cents: 995 })).status, 200);
  assert.deepEqual((await got.count(2)).sort(), [[0, { cents: 995 }], [1, { cents: 995 }]]);
  await laravel.sendToUser("fay", "paid", "Grüße 👋");
  assert.deepEqual((await got.count(3))[2], [2, "Grüße 👋"]);
  // Nobody is there: that is no error.
  assert.equal((await laravel.sendToUser("gil", "paid", {})).status, 200);
});

test("the channel of another user cannot be subscribed to", { timeout }, async (t) => {
  const { echo, errors } = await enter(t, "eve");
  const got = new Log();
  const pusher = pusherOf(echo);
  for (const event of ["pusher:subscription_error", "paid"]) pusher.bind(event, (data) => got.add(event, data));
  // pusher.subscribe() itself knows better.
  pusher.send_event("pusher:subscribe", { auth: "", channel: "#server-to-user-fay" });
  const [event, { type, status }] = (await got.count(1))[0];
  assert.deepEqual([event, type, status], ["pusher:subscription_error", "AuthError", 401]);
  assert.deepEqual(errors.entries, [4009]);
  await laravel.sendToUser("fay", "paid", {});
  await laravel.sendToUser("eve", "paid", "mine");
  assert.deepEqual((await got.count(2))[1], ["paid", "mine"]);
});

test("watchlist: who is here, who comes and who goes, by users and not by sockets", { timeout }, async (t) => {
  const bob = await enter(t, "bob");
  const ann = await enter(t, "ann");
  assert.deepEqual(await ann.seen.count(2), [["online", ["bob"]], ["offline", ["cid"]]]);
  const dan = await enter(t, "dan");
  assert.deepEqual(await dan.seen.count(1), [["online", ["bob"]]]);

  // Bob's second tab changes nothing, and the first may go.
  const tab = await enter(t, "bob");
  bob.echo.disconnect();
  const cid = await enter(t, "cid");
  assert.deepEqual((await ann.seen.count(3))[2], ["online", ["cid"]]);
  tab.echo.disconnect();
  assert.deepEqual((await ann.seen.count(4))[3], ["offline", ["bob"]]);
  assert.deepEqual((await dan.seen.count(2))[1], ["offline", ["bob"]]);
  cid.echo.disconnect();
  assert.deepEqual((await ann.seen.count(5))[4], ["offline", ["cid"]]);
  assert.equal(dan.seen.entries.length, 2);
  assert.deepEqual(bob.seen.entries, []);
});

test("a hundred users can be watched; one more is an error, and the user is signed in all the same", { timeout }, async (t) => {
  const max = await enter(t, "max");
  assert.deepEqual(await max.seen.count(1), [["offline", crowd.slice(1)]]);
  const over = await enter(t, "over");
  assert.deepEqual(await over.errors.count(1), [4302]);
  const got = new Log();
  over.user.bind("e", (data) => got.add(data));
  await laravel.sendToUser("over", "e", 1);
  assert.deepEqual(await got.count(1), [1]);
  assert.deepEqual(over.seen.entries, []);
  assert.deepEqual(max.errors.entries, []);
});

test("a user known only by its sign-in is shown out, and stays out", { timeout }, async (t) => {
  const [bad, tab, good] = await Promise.all(["mal@example.com", "mal@example.com", "una"].map((id) => enter(t, id)));
  const dialled = dials(t);
  const out = Promise.all([dismissed(bad.echo), dismissed(tab.echo)]);
  assert.deepEqual(await (await laravel.terminateUserConnections("mal@example.com")).json(), {});
  await out;
  // Who was closed to come back is back after 1 s, so after this page is nobody else is to be expected.
  const { connection } = pusherOf(good.echo);
  const back = soon("the page that may come back", (done) => connection.bind("connected", done));
  connection.connection.transport.socket.close();
  await back;
  // On a busy machine pusher-js may try wss as well, beside a dial that takes two seconds.
  assert.equal(dialled.entries.filter((url) => url.startsWith("ws://")).length, 1);
  for (const { echo } of [bad, tab]) assert.equal(pusherOf(echo).connection.state, "disconnected");
  // Pages of earlier tests may be on their way out.
  await eventually("one connection", async () => (await get("/connections")).connections === 1);
});

test("a sign-in with a wrong signature, or none, leaves the connection as it was", { timeout }, async (t) => {
  const forger = publisher({ secret: "another-secret" });
  const forged = visit(t, "eve", {
    userAuthentication: { customHandler: ({ socketId }, callback) => callback(null, forger.authenticateUser(socketId, { id: "eve" })) },
  });
  const errors = new Log();
  pusherOf(forged).connection.bind("error", (e) => errors.add(e.data.code));
  await connected(forged);
  pusherOf(forged).signin();
  assert.deepEqual(await errors.count(1), [4009]);
  assert.equal(pusherOf(forged).user.user_data, null);

  const refused = visit(t, "nobody");
  await connected(refused);
  const error = soon("signin_error of the application", (done) => pusherOf(refused).user.bind("pusher:signin_error", done));
  pusherOf(refused).signin();
  assert.equal((await error).status, 403);

  for (const echo of [forged, refused]) {
    const channel = echo.channel("still-here");
    const got = new Log();
    channel.listen(".e", (data) => got.add(data));
    await subscribed(channel);
    await laravel.trigger("still-here", "e", 1);
    assert.deepEqual(await got.count(1), [1]);
  }
});

test("after a restart of the server the user is signed in again", { timeout }, async (t) => {
  const ann = await enter(t, "ann");
  const bob = await enter(t, "bob");
  await ann.seen.until((entries) => entries.some(([event, [id]]) => event === "online" && id === "bob"), "bob");
  const before = ann.seen.entries.length;
  const got = new Log();
  for (const { user } of [ann, bob]) user.bind("e", (data) => got.add(user.user_data.id, data));
  const back = [ann, bob].map(({ echo }) => soon("connected again", (done) => pusherOf(echo).connection.bind("connected", done)));
  await control("stop");
  await control("start");
  await Promise.all(back);
  await Promise.all([ann, bob].map(({ echo }) => signedIn(echo)));
  for (const id of ["ann", "bob"]) await laravel.sendToUser(id, "e", `for ${id}`);
  assert.deepEqual((await got.count(2)).sort(), [["ann", "for ann"], ["bob", "for bob"]]);
  await ann.seen.until((entries) => entries.slice(before).some(([event, ids]) => event === "online" && ids.includes("bob")), "bob again");
});
