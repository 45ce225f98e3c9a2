// What pages miss while they are away, and get when they are back: laravel-echo and pusher-js with the browser
// package, in Node, against the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import PusherJS from "pusher-js";
import Stock from "pusher-js-8.4.0";
import replay from "../../../clients/js/dist/index.js";
import { Log, app, authServer, control, eventually, get, page, patience, publisher, pusherOf, soon, subscribed } from "./lib.mjs";
import { Proxy } from "./proxy.mjs";

const timeout = 4 * patience;
const laravel = publisher();
const Pusher = replay(PusherJS); // in this process; Stock is another copy
let auth;

before(async () => (auth = await authServer()));
after(() => auth.close());

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const publish = async (name, from, to = from, options) => {
  for (const n of range(from, to)) await laravel.trigger(name, "e", { n }, options);
};

// The channel as Laravel applications name it, by kind.
const open = {
  public: (echo, name) => echo.channel(name),
  private: (echo, name) => echo.private(name),
  presence: (echo, name) => echo.join(name),
  encrypted: (echo, name) => echo.encryptedPrivate(name),
};

// hear logs what the listeners of a channel of Echo get: the n of events, and notices.
function hear(channel) {
  const got = new Log();
  channel.listen(".e", ({ n }) => got.add(n)).listen(".pusher:replay", (notice) => got.add(notice));
  return got;
}

// Visitor is a page with a network of its own.
class Visitor {
  static async come(t, user = "1", options = {}) {
    const visitor = new Visitor();
    visitor.proxy = await Proxy.listen(t);
    visitor.echo = page(auth, user, { Pusher, wsPort: visitor.proxy.port, ...options });
    visitor.connection = pusherOf(visitor.echo).connection;
    t.after(() => visitor.echo.disconnect());
    return visitor;
  }

  // join subscribes and resolves when the server has taken it.
  async join(name, kind = "public") {
    const channel = open[kind](this.echo, name);
    const got = hear(channel);
    await subscribed(channel);
    return { channel, got };
  }

  // away is cut off while something happens, and is back on its channels at the end.
  async away(during, ...channels) {
    this.proxy.hold();
    const gone = soon("the page is away", (done) => this.connection.bind("connecting", done));
    this.proxy.cut();
    await gone;
    await during();
    const back = channels.map((channel) => soon(`${channel.name} again`, (done) => channel.on("pusher:subscription_succeeded", done)));
    this.proxy.release();
    await Promise.all(back);
  }
}

// told requires a list of what came, and waits for it. A test that has been away waits so before it publishes
// more: what is published while a replay begins counts as missed, and may be in its notice or not.
async function told(got, want) {
  assert.deepEqual(await got.count(want.length), want);
}

const recovered = (count) => ({ status: "recovered", count });

describe("away and back", { concurrency: 4, timeout }, () => {
  for (const kind of ["public", "private", "presence", "encrypted"]) {
    test(`${kind}: what was missed comes first, then what is new, each once`, { timeout }, async (t) => {
      const visitor = await Visitor.come(t);
      const { channel, got } = await visitor.join(`once-${kind}`, kind);
      await publish(channel.name, 1, 5);
      await got.count(5);
      await visitor.away(() => publish(channel.name, 6, 20), channel);
      await told(got, [...range(1, 5), recovered(15), ...range(6, 20)]);
      await publish(channel.name, 21, 25);
      await told(got, [...range(1, 5), recovered(15), ...range(6, 25)]);
      // Nothing was missed: not a word.
      await visitor.away(() => {}, channel);
      await publish(channel.name, 26);
      await told(got, [...range(1, 5), recovered(15), ...range(6, 26)]);
    });
  }

  test("who is on a presence channel is right after a replay", { timeout }, async (t) => {
    const [one, two] = [await Visitor.come(t, "1"), await Visitor.come(t, "2")];
    const { channel, got } = await one.join("members", "presence");
    await two.join("members", "presence");
    await publish(channel.name, 1);
    await got.count(1);
    await one.away(async () => {
      two.echo.leave("members");
      await publish(channel.name, 2);
    }, channel);
    await told(got, [1, recovered(1), 2]);
    assert.deepEqual(Object.keys(pusherOf(one.echo).channel(channel.name).members.members), ["1"]);
  });

  test("a user's own events", { timeout }, async (t) => {
    const visitor = await Visitor.come(t, "ann");
    const pusher = pusherOf(visitor.echo);
    const got = new Log();
    pusher.user.bind("e", ({ n }) => got.add(n));
    pusher.signin();
    const joined = async () => {
      await eventually("the user's channel", async () => pusher.user.serverToUserChannel?.subscribed || (await new Promise((done) => setTimeout(done, 10))));
    };
    await joined();
    await laravel.sendToUser("ann", "e", { n: 1 });
    await got.count(1);
    for (const n of [2, 4]) {
      await visitor.away(async () => {
        await laravel.sendToUser("ann", "e", { n });
        await laravel.sendToUser("ann", "e", { n: n + 1 });
      });
      await joined();
      await told(got, range(1, n + 1));
    }
    await laravel.sendToUser("ann", "e", { n: 6 });
    await told(got, range(1, 6));
  });

  test("Echo in three ways, and two channels of one page", { timeout }, async (t) => {
    const proxy = await Proxy.listen(t);
    const made = page(auth, "1", { Pusher, wsPort: proxy.port });
    const client = page(auth, "1", { client: replay(new Pusher(app.key, { ...made.options, cluster: "" })) });
    const after = page(auth, "1", { wsPort: proxy.port });
    for (const echo of [made, client, after]) {
      t.after(() => echo.disconnect());
      assert.equal(replay(echo), echo);
    }
    const logs = [];
    const channels = [];
    for (const echo of [made, client, after]) {
      for (const name of ["ways-1", "ways-2"]) {
        const channel = echo.channel(name);
        channels.push(channel);
        logs.push(hear(channel));
      }
    }
    await Promise.all(channels.map(subscribed));
    const again = channels.map((channel) => soon(`${channel.name} again`, (done) => channel.on("pusher:subscription_succeeded", done)));
    proxy.hold();
    proxy.cut();
    for (const name of ["ways-1", "ways-2"]) await publish(name, 1, 3);
    proxy.release();
    await Promise.all(again);
    for (const got of logs) await told(got, [recovered(3), 1, 2, 3]);
  });

  test("whispers arrive and are not replayed", { timeout }, async (t) => {
    const [one, two, three] = [await Visitor.come(t, "1"), await Visitor.come(t, "2"), await Visitor.come(t, "3")];
    const { channel, got } = await one.join("whispers", "private");
    const other = await two.join("whispers", "private");
    const witness = await three.join("whispers", "private");
    witness.channel.listenForWhisper("typing", ({ n }) => witness.got.add(`whisper ${n}`));
    channel.listenForWhisper("typing", ({ n }) => got.add(`whisper ${n}`));
    other.channel.whisper("typing", { n: 1 });
    await told(got, ["whisper 1"]);
    await one.away(async () => {
      other.channel.whisper("typing", { n: 2 });
      await publish(channel.name, 3);
      await witness.got.count(3);
    }, channel);
    await told(got, ["whisper 1", recovered(1), 3]);
    other.channel.whisper("typing", { n: 4 });
    await told(got, ["whisper 1", recovered(1), 3, "whisper 4"]);
  });

  test("what a page published to others never comes back to it, over several drops", { timeout }, async (t) => {
    const [one, two] = [await Visitor.come(t, "1"), await Visitor.come(t, "2")];
    const { channel, got } = await one.join("others", "private");
    const other = await two.join("others", "private");
    const mine = (n) => publish(channel.name, n, n, { socket_id: id });
    let id = one.echo.socketId();
    await mine(1);
    await publish(channel.name, 2);
    await told(got, [2]);
    // Under its present id and under the one before, while it is away; the last one is its own.
    await one.away(async () => {
      await publish(channel.name, 3);
      await mine(4);
    }, channel);
    const first = id;
    id = one.echo.socketId();
    assert.notEqual(id, first);
    await mine(5);
    await one.away(async () => {
      await publish(channel.name, 6, 6, { socket_id: first });
      await mine(7);
      await publish(channel.name, 8);
    }, channel);
    id = one.echo.socketId();
    await one.away(() => mine(9), channel);
    await publish(channel.name, 10);
    await told(other.got, range(1, 10));
    await got.until((all) => all.includes(10), "10");
    assert.deepEqual(got.entries.filter(Number.isInteger), [2, 3, 8, 10]);
  });

  test("a cache channel does not repeat itself", { timeout }, async (t) => {
    const name = "cache-once";
    const visitor = await Visitor.come(t);
    const channel = visitor.echo.channel(name);
    const got = hear(channel);
    channel.on("pusher:cache_miss", () => got.add("miss"));
    await subscribed(channel);
    await told(got, ["miss"]);
    await publish(name, 1);
    await told(got, ["miss", 1]);
    await visitor.away(() => {}, channel);
    await visitor.away(() => publish(name, 2, 3), channel);
    await told(got, ["miss", 1, recovered(2), 2, 3]);
    // Somebody new gets the newest, with the package and without.
    for (const Class of [Pusher, Stock]) {
      const late = await Visitor.come(t, "2", { Pusher: Class });
      const fresh = hear(late.echo.channel(name));
      await told(fresh, [3]);
      await publish(name, 4);
      await told(fresh, [3, 4]);
      await publish(name, 3);
    }
    await told(got, ["miss", 1, recovered(2), 2, 3, 4, 3, 4, 3]);
  });

  for (const [how, leave] of [
    ["while it was connected", async (visitor, again) => again()],
    ["while it was away", async (visitor, again) => visitor.away(again)],
  ]) {
    test(`a channel that was left and joined again ${how} begins anew`, { timeout }, async (t) => {
      const visitor = await Visitor.come(t);
      const name = `left-${how.replaceAll(" ", "-")}`;
      const { got } = await visitor.join(name);
      await publish(name, 1);
      await got.count(1);
      let second;
      await leave(visitor, async () => {
        visitor.echo.leave(name);
        if (how.includes("connected")) await eventually("an empty channel", async () => !(await get(`/channels/${name}`)).occupied);
        await publish(name, 2, 3);
        const channel = visitor.echo.channel(name);
        second = { channel, got: hear(channel) };
      });
      await subscribed(second.channel);
      await publish(name, 4);
      await told(second.got, [4]);
      await visitor.away(() => publish(name, 5), second.channel);
      await told(second.got, [4, recovered(1), 5]);
      assert.deepEqual(got.entries, [1]);
    });
  }

  test("a page without the package gets the bytes it always got", { timeout }, async (t) => {
    const frames = {};
    for (const name of ["bytes", "nothing-bytes"]) {
      const visitor = await Visitor.come(t, "2", { Pusher: Stock });
      const raw = (frames[name] = []);
      const listen = () => {
        const { transport } = visitor.connection.connection;
        const { onMessage } = transport;
        transport.onMessage = function (message) {
          raw.push(message.data.replaceAll(name, "NAME"));
          onMessage.call(this, message);
        };
      };
      visitor.connection.bind("connected", listen);
      if (visitor.connection.state === "connected") listen();
      const { channel, got } = await visitor.join(name, "private");
      // The same channel has a page with the package, so that both encodings are there.
      const other = await (await Visitor.come(t)).join(name, "private");
      await publish(channel.name, 1, 3);
      await Promise.all([got.count(3), other.got.count(3)]);
      await visitor.away(() => publish(channel.name, 4), channel);
      await publish(channel.name, 5);
      await told(got, [1, 2, 3, 5]);
    }
    assert.deepEqual(frames.bytes, frames["nothing-bytes"]);
    assert.equal(frames.bytes.length, 6);
    assert.ok(!/serial|epoch|replay/.test(frames.bytes.join()));
    assert.equal(frames.bytes[1], '{"event":"e","data":"{\\"n\\":1}","channel":"private-NAME"}');
  });

  test("a channel of which nothing is kept is as without the package", { timeout }, async (t) => {
    const visitor = await Visitor.come(t);
    const { channel, got } = await visitor.join("nothing");
    await publish("nothing", 1);
    await got.count(1);
    await visitor.away(() => publish("nothing", 2), channel);
    await publish("nothing", 3);
    await told(got, [1, 3]);
  });

  for (const [name, reason] of [["short", "expired"], ["limited", "limit"]]) {
    test(`more was missed than there is: ${reason}, then the newest`, { timeout }, async (t) => {
      const visitor = await Visitor.come(t);
      const { channel, got } = await visitor.join(name);
      await publish(name, 1);
      await got.count(1);
      await visitor.away(() => publish(name, 2, 41), channel);
      await got.until((entries) => entries.includes(41), "41");
      await publish(name, 42);
      const all = [...await got.until((entries) => entries.includes(42) && entries, "42")];
      const [first, notice, ...rest] = all;
      assert.equal(first, 1);
      assert.deepEqual([notice.status, notice.reason, notice.missed + notice.count], ["gap", reason, 40], JSON.stringify(notice));
      assert.ok(notice.count >= 10 && notice.count < 40, JSON.stringify(notice));
      assert.deepEqual(rest, range(42 - notice.count, 42));
      // From there on nothing is missed again.
      await visitor.away(() => publish(name, 43, 44), channel);
      await told(got, [...all, recovered(2), 43, 44]);
    });
  }

  test("conflate: of each key the newest, in order, and then everything that is new", { timeout }, async (t) => {
    const name = "conflated";
    const visitor = await Visitor.come(t);
    const { channel } = await visitor.join(name);
    const got = new Log();
    channel.listen(".row", ({ id, n }) => got.add([id, n])).listen(".pusher:replay", (notice) => got.add(notice));
    const row = (id, n) => laravel.trigger(name, "row", { id, n });
    for (const n of [1, 2]) await row("a", n);
    await got.count(2);
    await visitor.away(async () => {
      for (const n of range(3, 10)) for (const id of ["a", "b", "c"]) await row(id, n);
      await row("b", 11);
    }, channel);
    await got.count(6);
    await row("a", 12);
    await row("a", 13);
    const want = [["a", 1], ["a", 2], recovered(3), ["a", 10], ["c", 10], ["b", 11], ["a", 12], ["a", 13]];
    await told(got, want);
    // The position is that of the newest, not of one that was left out.
    await visitor.away(() => row("a", 14), channel);
    await told(got, [...want, recovered(1), ["a", 14]]);
  });

  test("rewind: a new page begins earlier, and one that comes back does not", { timeout }, async (t) => {
    const name = "rewound";
    await publish(name, 1, 8);
    const visitor = await Visitor.come(t);
    const { channel, got } = await visitor.join(name);
    await publish(name, 9);
    await got.until((all) => all.includes(9), "9");
    assert.deepEqual(got.entries.filter(Number.isInteger), range(4, 9));
    const before = got.entries.length;
    await visitor.away(() => publish(name, 10, 11), channel);
    await got.until((all) => all.includes(11), "11");
    await publish(name, 12);
    await got.until((all) => all.includes(12), "12");
    assert.deepEqual(got.entries.slice(before), [recovered(2), 10, 11, 12]);
  });

  test("a page that is too slow is closed, and has everything in the end", { timeout }, async (t) => {
    const name = "torture-slow";
    const visitor = await Visitor.come(t);
    const { channel, got } = await visitor.join(name);
    const closed = new Log();
    visitor.connection.bind("error", (e) => closed.add(e.error?.data?.code ?? e.data?.code));
    visitor.proxy.slow();
    const filling = "x".repeat(9_000);
    const last = 1_200; // 10 MB: more than any kernel keeps for a reader, and the backlog
    for (let n = 1; n <= last; n += 10) {
      await laravel.triggerBatch(range(n, n + 9).map((i) => ({ channel: name, name: "e", data: { n: i, filling } })));
    }
    visitor.proxy.fast();
    await got.until((all) => all.at(-1) === last, `event ${last}`);
    const events = got.entries.filter(Number.isInteger);
    assert.deepEqual(events, range(1, last));
    assert.equal(got.entries.length - events.length, 1, "it was told of one replay");
    assert.equal(visitor.proxy.dials.entries.length, 2);
    assert.deepEqual(channel.subscription.subscribed, true);
  });

  test("a black hole: what the server had sent into it comes again", { timeout }, async (t) => {
    const visitor = await Visitor.come(t, "1", { activityTimeout: 1_000, pongTimeout: 1_000 });
    const { got } = await visitor.join("hole");
    await publish("hole", 1);
    await got.count(1);
    visitor.proxy.swallow();
    await publish("hole", 2, 10);
    await told(got, [1, recovered(9), ...range(2, 10)]);
  });
});

// Ten pages are thrown out over and over, in the middle of whatever they are being sent, while events
// come without a pause. Each of them has every event once, in order.
test("torture", { timeout: 2 * timeout }, async (t) => {
  const name = "torture";
  const rounds = 5;
  const random = (n) => Math.floor(Math.random() * n);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const pages = await Promise.all(range(1, 10).map(() => Visitor.come(t)));
  const joined = await Promise.all(pages.map((visitor) => visitor.join(name)));
  const quiet = await (await Visitor.come(t)).join(name);
  let n = 0;
  let publishing = true;
  const publisher = (async () => {
    while (publishing) {
      await laravel.triggerBatch(range(1, 10).map(() => ({ channel: name, name: "e", data: { n: ++n } })));
      await pause(random(4));
    }
  })();
  await Promise.all(pages.map(async ({ proxy, connection }) => {
    for (let round = 1; round <= rounds; round++) {
      await pause(random(500));
      const back = soon("connection", (done) => {
        const connected = () => {
          connection.unbind("connected", connected);
          done();
        };
        connection.bind("connected", connected);
      });
      const how = random(4);
      if (how === 0) proxy.cut();
      else if (how === 1) proxy.cutAfter(1 + random(20_000));
      else {
        // The server goes on for a while, into the void.
        proxy.swallow();
        await pause(random(200));
        proxy.cut();
      }
      await back;
      // Sometimes again in the middle of the replay, or before it has begun.
      if (random(2)) proxy.cutAfter(1 + random(5_000));
    }
  }));
  publishing = false;
  await publisher;
  for (const { got } of [...joined, quiet]) {
    await got.until((all) => all.at(-1) === n, `event ${n}`);
    assert.deepEqual(got.entries.filter(Number.isInteger), range(1, n));
    for (const notice of got.entries.filter((entry) => !Number.isInteger(entry))) assert.equal(notice.status, "recovered");
  }
  assert.equal(quiet.got.entries.length, n);
  const replayed = joined.flatMap(({ got }) => got.entries).reduce((sum, { count = 0 }) => sum + count, 0);
  const dials = pages.reduce((sum, { proxy }) => sum + proxy.dials.entries.length, 0);
  t.diagnostic(`${n} events to ${pages.length} pages, ${dials - pages.length} drops, ${replayed} announced as replayed`);
  assert.ok(dials >= pages.length * (rounds + 1) && replayed > 0);
});

// The server ends and begins again. Only these meddle with it.
describe("restarts", { timeout }, () => {
  for (const action of ["stop", "kill"]) {
    test(`${action}, and its data is there: nothing is missing`, { timeout }, async (t) => {
      const visitor = await Visitor.come(t);
      const name = `restart-${action}`;
      const { channel, got } = await visitor.join(name, "private");
      await publish(channel.name, 1, 5);
      await got.count(5);
      await visitor.away(async () => {
        await publish(channel.name, 6, 10);
        await control(action);
        await control("start");
        await publish(channel.name, 11, 12);
      }, channel);
      await told(got, [...range(1, 5), recovered(7), ...range(6, 12)]);
      await publish(channel.name, 13);
      await told(got, [...range(1, 5), recovered(7), ...range(6, 13)]);
      await visitor.away(() => publish(channel.name, 14), channel);
      await told(got, [...range(1, 5), recovered(7), ...range(6, 13), recovered(1), 14]);
    });
  }

  test("a page that is connected when the server is killed misses nothing", { timeout }, async (t) => {
    const visitor = await Visitor.come(t);
    const { channel, got } = await visitor.join("restart-live");
    await publish("restart-live", 1, 3);
    await got.count(3);
    const again = soon("subscription", (done) => channel.on("pusher:subscription_succeeded", done));
    visitor.proxy.hold();
    await control("kill");
    await control("start");
    await publish("restart-live", 4, 6);
    visitor.proxy.release();
    await again;
    await told(got, [1, 2, 3, recovered(3), 4, 5, 6]);
  });

  test("a cache channel has its event over a restart", { timeout }, async (t) => {
    await publish("cache-restart", 1, 2);
    await control("kill");
    await control("start");
    for (const Class of [Pusher, Stock]) {
      const visitor = await Visitor.come(t, "1", { Pusher: Class });
      await told(hear(visitor.echo.channel("cache-restart")), [2]);
    }
  });

  test("its data is lost: the page is told, and from then on misses nothing again", { timeout }, async (t) => {
    const visitor = await Visitor.come(t);
    const name = "restart-lost";
    const { channel, got } = await visitor.join(name);
    await publish(name, 1, 5);
    await got.count(5);
    await visitor.away(async () => {
      await publish(name, 6);
      await control("stop");
      await control("wipe");
      await control("start");
      await publish(name, 7, 8);
    }, channel);
    const want = [...range(1, 5), { status: "gap", reason: "epoch", count: 2 }, 7, 8];
    await told(got, want);
    await publish(name, 9);
    await told(got, [...want, 9]);
    await visitor.away(() => publish(name, 10, 11), channel);
    await told(got, [...want, 9, recovered(2), 10, 11]);
  });
});
