// Cache channels and encrypted channels, with laravel-echo, pusher-js and the official publisher.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Log, authServer, eventually, get, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";

const timeout = 2 * patience;
const laravel = publisher();
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

function visit(t, user = "1", options) {
  const echo = page(auth, user, options);
  t.after(() => echo.disconnect());
  return echo;
}

// hear subscribes as pusher-js does, by the channel's full name. What it is told goes to a log.
function hear(echo, name) {
  const channel = pusherOf(echo).subscribe(name);
  const got = new Log();
  channel.bind("pusher:subscription_succeeded", () => got.add("subscribed"));
  channel.bind("pusher:cache_miss", () => got.add("miss"));
  channel.bind("pusher:subscription_error", (e) => got.add("refused", e));
  for (const event of ["e", "mark"]) channel.bind(event, (data) => got.add(event, data));
  channel.bind("client-e", (data) => got.add("whisper", data));
  return { got, channel };
}

for (const kind of ["cache-", "private-cache-", "presence-cache-", "private-encrypted-cache-"]) {
  const name = `${kind}prices`;

  test(`${name}: a miss, then the newest event for whoever comes`, { timeout }, async (t) => {
    const one = hear(visit(t), name);
    assert.deepEqual(await one.got.count(2), ["subscribed", "miss"]);
    for (const n of [1, 2]) await laravel.trigger(name, "e", { n, text: "Grüße 👋" });
    const event = (n) => ["e", { n, text: "Grüße 👋" }];
    assert.deepEqual((await one.got.count(4)).slice(2), [event(1), event(2)]);

    const late = visit(t, "2");
    const two = hear(late, name);
    assert.deepEqual(await two.got.count(2), ["subscribed", event(2)]);
    assert.equal(one.got.entries.length, 4);

    // Leaving and coming again is coming; and the channel need not have anybody for the event to stay.
    late.disconnect();
    one.channel.unsubscribe();
    await eventually("an empty channel", async () => !(await get(`/channels/${name}`)).occupied);
    const three = hear(visit(t, "3"), name);
    assert.deepEqual(await three.got.count(2), ["subscribed", event(2)]);
  });

  test(`${name}: what was published while nobody was there`, { timeout }, async (t) => {
    const alone = `${name}-alone`;
    await laravel.trigger(alone, "e", "early");
    const { got } = hear(visit(t), alone);
    assert.deepEqual(await got.count(2), ["subscribed", ["e", "early"]]);
  });
}

for (const kind of ["cache-", "private-cache-", "presence-cache-"]) {
  const name = `${kind}whispers`;

  test(`${name}: whispers arrive and are not kept`, { timeout }, async (t) => {
    const [one, two] = [hear(visit(t, "1"), name), hear(visit(t, "2"), name)];
    await Promise.all([one.got.count(2), two.got.count(2)]);
    // pusher-js lets nobody whisper on a public channel: it is the server that relays it.
    one.channel.pusher.send_event("client-e", { n: 1 }, name);
    assert.deepEqual((await two.got.count(3))[2], ["whisper", { n: 1 }]);
    const three = hear(visit(t, "3"), name);
    assert.deepEqual(await three.got.count(2), ["subscribed", "miss"]);
    await laravel.trigger(name, "e", "kept");
    await three.got.count(3);
    one.channel.pusher.send_event("client-e", { n: 2 }, name);
    await three.got.count(4);
    const four = hear(visit(t, "4"), name);
    assert.deepEqual(await four.got.count(2), ["subscribed", ["e", "kept"]]);
  });
}

test("a publisher can ask what is cached", { timeout }, async () => {
  const name = "cache-asked";
  const ask = () => get(`/channels/${name}`, { info: "cache" });
  assert.deepEqual(await ask(), { occupied: false });
  for (const n of [1, 2]) await laravel.trigger(name, "e", { n });
  const { cache, cache_ttl: ttl } = await ask();
  assert.deepEqual(cache, { event: "e", channel: name, data: '{"n":2}' });
  assert.ok(ttl > 0 && ttl <= 1800, `it is kept for ${ttl} s`);
});

test("Echo's cache channels, and the member list of one with presence", { timeout }, async (t) => {
  await laravel.trigger("presence-cache-room", "e", "kept");
  const room = visit(t, "7").join("cache-room");
  const got = new Log();
  room.here((users) => got.add("here", users)).listen(".e", (data) => got.add("e", data));
  assert.deepEqual(await got.count(2), [["here", [{ name: "User 7" }]], ["e", "kept"]]);
  const other = soon("joining", (done) => room.joining(done));
  const here = soon("here", (done) => visit(t, "8").join("cache-room").here(done));
  assert.deepEqual([await other, (await here).length], [{ name: "User 8" }, 2]);
});

test("a private cache channel keeps its event from who may not be on it", { timeout }, async (t) => {
  const name = "private-cache-secret";
  await laravel.trigger(name, "e", "secret");
  const forger = publisher({ secret: "another-secret" });
  const { got } = hear(visit(t, "1", {
    channelAuthorization: { customHandler: ({ socketId, channelName }, callback) => callback(null, forger.authorizeChannel(socketId, channelName)) },
  }), name);
  const [[event, { type }]] = await got.count(1);
  assert.deepEqual([event, type], ["refused", "AuthError"]);
  const allowed = hear(visit(t), name);
  assert.deepEqual(await allowed.got.count(2), ["subscribed", ["e", "secret"]]);
  assert.equal(got.entries.length, 1);
});

test("encryptedPrivate: only who has the key can read it", { timeout }, async (t) => {
  const echo = visit(t, "1");
  const channel = echo.encryptedPrivate("ledger");
  const [got, raw] = [new Log(), new Log()];
  channel.listen("Booked", (data) => got.add(data)).listen(".raw", (data) => got.add(data));
  pusherOf(echo).connection.bind("message", (m) => m.channel === "private-encrypted-ledger" && m.data.ciphertext && raw.add(m.data));
  await subscribed(channel);
  const sent = [{ cents: 995, text: "Grüße 👋" }, ["x".repeat(6_000)], 1];
  await laravel.trigger("private-encrypted-ledger", "App\\Events\\Booked", sent[0]);
  for (const data of sent.slice(1)) await laravel.trigger("private-encrypted-ledger", "raw", data);
  assert.deepEqual(await got.count(3), sent);
  // The server has passed on ciphertext, and no word of what it says.
  assert.deepEqual(raw.entries.map((data) => Object.keys(data).sort()), sent.map(() => ["ciphertext", "nonce"]));
  assert.ok(!JSON.stringify(raw.entries).includes("cents"));

  // In a batch, and beside other channels.
  await laravel.triggerBatch([
    { channel: "private-encrypted-ledger", name: "raw", data: "batched" },
    { channel: "elsewhere", name: "e", data: "plain" },
  ]);
  assert.deepEqual((await got.count(4))[3], "batched");
});

test("error() of private, presence and encrypted channels that the server refuses", { timeout }, async (t) => {
  const forger = publisher({ secret: "another-secret" });
  const echo = visit(t, "1", {
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, callback) => {
        const member = channelName.startsWith("presence-") ? { user_id: "1" } : undefined;
        callback(null, forger.authorizeChannel(socketId, channelName, member));
      },
    },
  });
  const errors = await Promise.all(
    [echo.private("no"), echo.join("no"), echo.encryptedPrivate("no")].map((c) => soon(`error() of ${c.name}`, (done) => c.error(done))),
  );
  for (const { type, status } of errors) assert.deepEqual([type, status], ["AuthError", 401]);
  await subscribed(echo.channel("yes"));
});
