// The browser package beside real pusher-js, against a server that says what each test tells it to.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { runInThisContext } from "node:vm";
import Echo from "laravel-echo";
import Pusher from "pusher-js";
import replay from "../../../clients/js/dist/index.js";
import redial from "../../../clients/js/dist/redial.js";
import { Peer, heard, marker, message, notice, resumes, succeeded } from "./peer.mjs";
import { Log, patience, soon } from "./waiting.mjs";

const timeout = 3 * patience;
const versions = ["7.0.6", "7.6.0", "8.0.2", "8.2.0", "8.4.0", "8.6.0"];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// joined is a page with a channel that stands at serial 5 of the epoch K.
async function joined(t, name = "orders", Class = replay(Pusher)) {
  const peer = await Peer.listen(t);
  const pusher = peer.pusher(t, Class);
  const channel = pusher.subscribe(name);
  const got = heard(channel);
  const link = await peer.link(1);
  assert.deepEqual((await link.asked()).replay, {});
  link.send(succeeded(name, "K", 4), message(name, 5));
  await got.count(1);
  return { peer, pusher, channel, got, link };
}

describe("each version", { concurrency: true, timeout }, () => {
  for (const version of versions) {
    test(`pusher-js ${version} resumes where it was`, { timeout }, async (t) => {
      const { default: Class } = await import(version === "8.6.0" ? "pusher-js" : `pusher-js-${version}`);
      const { peer, channel, got, link } = await joined(t, "orders", replay(Class));
      assert.match(link.url, new RegExp(`version=${version}&`));
      link.drop();
      const second = await peer.link(2);
      const asked = await second.asked();
      assert.deepEqual(Object.keys(asked).at(-1), "replay");
      resumes(asked, "K", 5, ["1.1"]);
      // The second of two equal frames is a repetition; a marker moves the position and nobody hears of it.
      second.send(succeeded("orders", "K", 5), notice("orders", { status: "recovered", count: 2 }));
      second.send(message("orders", 6), message("orders", 6), message("orders", 5), marker("orders", 7), message("orders", 8));
      assert.deepEqual(await got.count(4), [5, { status: "recovered", count: 2 }, 6, 8]);
      // After a second unclean end 8.0 and older give WebSocket up, so this connection stays.
      channel.disconnect();
      channel.subscribe();
      resumes(await second.asked(2), "K", 8, ["1.1"]);
    });
  }
});

describe("positions", { concurrency: true, timeout }, () => {
  test("a channel that was left and joined again begins anew", { timeout }, async (t) => {
    const { peer, pusher, link } = await joined(t);
    pusher.unsubscribe("orders");
    const again = heard(pusher.subscribe("orders"));
    assert.deepEqual((await link.asked(2)).replay, {});
    link.send(succeeded("orders", "K", 9), message("orders", 10));
    assert.deepEqual(await again.count(1), [10]);
    link.drop();
    resumes(await (await peer.link(2)).asked(), "K", 10, ["1.1"]);
  });

  test("also when it was left and joined while the page was away", { timeout }, async (t) => {
    const { peer, pusher, link } = await joined(t);
    const away = soon("the page is away", (done) => pusher.connection.bind("connecting", done));
    link.drop();
    await away;
    pusher.unsubscribe("orders");
    pusher.subscribe("orders");
    assert.deepEqual((await (await peer.link(2)).asked()).replay, {});
  });

  test("a server that keeps nothing makes the page forget", { timeout }, async (t) => {
    const { peer, got, link } = await joined(t);
    link.drop();
    const second = await peer.link(2);
    resumes(await second.asked(), "K", 5, ["1.1"]);
    second.send(succeeded("orders"), { event: "e", channel: "orders", data: '{"n":1}' });
    assert.deepEqual(await got.count(2), [5, 1]);
    second.drop();
    assert.deepEqual((await (await peer.link(3)).asked()).replay, {});
  });

  test("a gap and another epoch set the position, also back", { timeout }, async (t) => {
    const { peer, got, link } = await joined(t);
    link.drop();
    const second = await peer.link(2);
    await second.asked();
    second.send(succeeded("orders", "L", 0), notice("orders", { status: "gap", reason: "epoch", count: 1 }), message("orders", 1));
    assert.deepEqual(await got.count(3), [5, { status: "gap", reason: "epoch", count: 1 }, 1]);
    second.drop();
    resumes(await (await peer.link(3)).asked(), "L", 1, ["1.1", "2.1"]);
  });

  test("a second answer for the same position does not repeat what came since", { timeout }, async (t) => {
    const { peer, got, link } = await joined(t);
    link.drop();
    const second = await peer.link(2);
    await second.asked();
    second.send(succeeded("orders", "K", 5), message("orders", 6), message("orders", 7));
    second.send(succeeded("orders", "K", 5), message("orders", 6), message("orders", 7), message("orders", 8));
    assert.deepEqual(await got.until((all) => all.includes(8) && all, "8"), [5, 6, 7, 8]);
  });

  test("the page names its last nine socket ids before this one", { timeout }, async (t) => {
    const { peer, link } = await joined(t, "private-orders", replay(
      class extends Pusher {
        constructor(key, options) {
          super(key, { ...options, channelAuthorization: { customHandler: (_, answer) => setTimeout(answer, 10, null, { auth: "a" }) } });
        }
      },
    ));
    link.drop();
    for (let n = 2; n <= 12; n++) {
      const next = await peer.link(n);
      const earlier = Array.from({ length: n - 1 }, (_, i) => `${i + 1}.1`);
      resumes(await next.asked(), "K", 5, earlier.slice(-9));
      next.send(succeeded("private-orders", "K", 5));
      next.socket.close(4200); // back at once
    }
  });

  test("a listener that throws loses nothing and repeats nothing", { timeout }, async (t) => {
    const { peer, channel, got, link } = await joined(t);
    const thrown = new Log();
    // As in a page, an error ends what is done with one message and nothing else.
    const { transport } = channel.pusher.connection.connection;
    const { onMessage } = transport;
    transport.onMessage = function (m) {
      try {
        onMessage.call(this, m);
      } catch (error) {
        thrown.add(error.message);
      }
    };
    channel.bind("e", ({ n }) => {
      if (n === 6) throw new Error("six");
    });
    link.send(message("orders", 6), message("orders", 7));
    assert.deepEqual(await got.count(3), [5, 6, 7]);
    assert.deepEqual(thrown.entries, ["six"]);
    link.drop();
    resumes(await (await peer.link(2)).asked(), "K", 7, ["1.1"]);
  });

  test("what comes on a connection that pusher-js has given up does not count", { timeout }, async (t) => {
    const { peer, pusher, got } = await joined(t);
    const { transport } = pusher.connection.connection;
    pusher.disconnect();
    transport.onMessage({ data: JSON.stringify(message("orders", 6)) });
    pusher.connect();
    resumes(await (await peer.link(2)).asked(), "K", 5, ["1.1"]);
    assert.deepEqual(got.entries, [5]);
  });

  test("frames that are none of ours arrive as they are", { timeout }, async (t) => {
    const { pusher, got, link } = await joined(t);
    const seen = new Log();
    pusher.connection.bind("message", (m) => seen.add(m.event));
    pusher.connection.bind("error", (e) => seen.add(e.type));
    link.send('{"event":"order_succeeded","data":"{}"}', 'no JSON,"serial":1}', '{"event":"e","channel":"orders","data":"{\\"n\\":1}"}');
    link.send(message("another", 7), '{"event":"x","channel":"orders","data":"\\"serial\\":3}"}', notice("orders", "no object"));
    link.send('{"event":"pusher:replay","channel":"orders","data":"no JSON"}', message("orders", 6));
    await seen.count(8);
    assert.deepEqual(seen.entries, ["order_succeeded", "MessageParseError", "e", "e", "x", "pusher:replay", "pusher:replay", "e"]);
    assert.deepEqual(got.entries, [5, 1, "no object", "no JSON", 6]);
  });

  test("the channel of a user is known by its name", { timeout }, async (t) => {
    const peer = await Peer.listen(t);
    const pusher = peer.pusher(t, replay(Pusher), {
      userAuthentication: { customHandler: (_, answer) => answer(null, { auth: "a", user_data: '{"id":"7"}' }) },
    });
    const got = new Log();
    pusher.user.bind("e", (data) => got.add(data.n));
    pusher.signin();
    const name = "#server-to-user-7";
    for (const [n, send, serial] of [[1, [5], 4], [2, [5, 6, 7], 5]]) {
      const link = await peer.link(n);
      await link.said.until((all) => all.some((f) => f.event === "pusher:signin"), "signin");
      link.send({ event: "pusher:signin_success", data: JSON.stringify({ user_data: '{"id":"7"}' }) });
      const asked = await link.asked();
      assert.equal(asked.channel, name);
      if (n === 1) assert.deepEqual(asked.replay, {});
      else resumes(asked, "K", 5, ["1.1"]);
      link.send(succeeded(name, "K", serial), ...send.map((i) => message(name, i)));
      await got.until((all) => all.includes(send.at(-1)), `event ${send.at(-1)}`);
      link.drop();
    }
    assert.deepEqual(got.entries, [5, 6, 7]);
  });

  test("pages of two servers do not mix", { timeout }, async (t) => {
    const [one, two] = await Promise.all([joined(t), joined(t)]);
    two.link.send(message("orders", 6));
    await two.got.count(2);
    one.link.drop();
    two.link.drop();
    resumes(await (await one.peer.link(2)).asked(), "K", 5, ["1.1"]);
    resumes(await (await two.peer.link(2)).asked(), "K", 6, ["1.1"]);
  });
});

// asksFor tells what the first subscription of a page asks for: undefined without the package.
async function asksFor(peer, channel = "orders") {
  const link = await peer.link(peer.links.entries.length || 1);
  const { data } = await link.said.until((all) => all.find((f) => f.data?.channel === channel), channel);
  return data.replay;
}

describe("ways to add it", { timeout }, () => {
  // Copies of the class, so that none has been patched by an earlier test.
  const copy = async () => {
    const module = { exports: {} };
    const code = readFileSync(new URL("node_modules/pusher-js/dist/node/pusher.js", import.meta.url), "utf8");
    const { createRequire } = await import("node:module");
    runInThisContext(`(function(exports,require,module){${code}\n})`)(module.exports, createRequire(import.meta.url), module);
    return module.exports;
  };
  const script = readFileSync(new URL("../../../clients/js/dist/replay.js", import.meta.url), "utf8");
  const tag = () => runInThisContext(script);

  const echo = (t, peer, options) => {
    const page = new Echo({
      broadcaster: "reverb", key: "key", wsHost: "127.0.0.1", wsPort: peer.port, wssPort: peer.port, forceTLS: false,
      enabledTransports: ["ws"], ...options,
    });
    t.after(() => page.disconnect());
    page.channel("orders");
    return page;
  };

  test("nothing is patched that was not asked for", { timeout }, async (t) => {
    const peer = await Peer.listen(t);
    peer.pusher(t, await copy()).subscribe("orders");
    assert.equal(await asksFor(peer), undefined);
  });

  for (const [how, make] of [
    ["replay(a class)", (t, peer, Class) => peer.pusher(t, replay(Class)).subscribe("orders")],
    ["replay(an instance)", (t, peer, Class) => replay(peer.pusher(t, Class)).subscribe("orders")],
    ["replay(Echo)", (t, peer, Class) => replay(echo(t, peer, { Pusher: Class }))],
    ["new Echo({ Pusher: replay(Pusher) })", (t, peer, Class) => echo(t, peer, { Pusher: replay(Class) })],
    ["new Echo({ client })", (t, peer, Class) => replay(echo(t, peer, { client: peer.pusher(t, Class) }))],
    ["a class that has instances", (t, peer, Class) => (peer.pusher(t, Class).subscribe("orders"), replay(Class))],
    ["a subclass", (t, peer, Class) => peer.pusher(t, class extends replay(Class) {}).subscribe("orders")],
    ["redial(replay(a class))", (t, peer, Class) => peer.pusher(t, redial(replay(Class))).subscribe("orders")],
  ]) {
    test(how, { timeout }, async (t) => {
      const peer = await Peer.listen(t);
      make(t, peer, await copy());
      assert.deepEqual(await asksFor(peer), {});
    });
  }

  test("a connection that is there already takes part from its next subscription on", { timeout }, async (t) => {
    const peer = await Peer.listen(t);
    const pusher = peer.pusher(t, await copy());
    const orders = pusher.subscribe("orders");
    const link = await peer.link(1);
    assert.equal((await link.asked()).replay, undefined);
    link.send(succeeded("orders"));
    await soon("subscription", (done) => orders.bind("pusher:subscription_succeeded", done));
    replay(pusher);
    const got = heard(pusher.subscribe("late"));
    assert.deepEqual((await link.asked(2)).replay, {});
    link.send(succeeded("late", "K", 4), message("late", 5));
    await got.count(1);
    link.drop();
    const second = await peer.link(2);
    assert.deepEqual((await second.asked()).replay, {});
    resumes(await second.asked(2), "K", 5, ["1.1"]);
  });

  for (const [how, steps] of [
    ["before pusher-js", ["tag", "pusher"]],
    ["behind pusher-js", ["pusher", "tag"]],
    ["twice", ["tag", "tag", "pusher"]],
    ["before and behind", ["tag", "pusher", "tag"]],
    ["with the import as well", ["tag", "import", "pusher", "import"]],
    ["between two copies of pusher-js", ["pusher", "tag", "pusher"]],
    ["before two copies of pusher-js", ["tag", "pusher", "pusher"]],
    ["behind a pusher-js declared with var", ["var", "tag"]],
  ]) {
    test(`the script tag ${how}`, { timeout }, async (t) => {
      t.after(() => assert.ok(Reflect.deleteProperty(globalThis, "Pusher") || how.includes("var")));
      const peer = await Peer.listen(t);
      const target = new EventTarget();
      globalThis.dispatchEvent = (event) => target.dispatchEvent(event);
      t.after(() => delete globalThis.dispatchEvent);
      const told = new Log();
      target.addEventListener("pusher:replay", ({ detail }) => told.add(detail));
      const names = Object.getOwnPropertyNames(globalThis).filter((name) => name !== "Pusher");
      let pusher;
      for (const step of steps) {
        if (step === "tag") tag();
        else if (step === "import") await import(`../../../clients/js/dist/auto.js?${Math.random()}`);
        else if (step === "pusher") assert.equal((globalThis.Pusher = await copy()), globalThis.Pusher);
        else Object.defineProperty(globalThis, "Pusher", { value: await copy(), writable: true, enumerable: true, configurable: false });
      }
      assert.deepEqual(Object.getOwnPropertyNames(globalThis).filter((name) => name !== "Pusher"), names, "names left behind");
      pusher = peer.pusher(t, globalThis.Pusher);
      const got = heard(pusher.subscribe("orders"));
      const link = await peer.link(1);
      assert.deepEqual((await link.asked()).replay, {});
      // However often it was loaded, the window hears of a notice once.
      link.send(succeeded("orders", "K", 4), notice("orders", { status: "gap", reason: "limit", missed: 3, count: 1 }), message("orders", 5));
      await got.count(2);
      assert.deepEqual(told.entries, [{ channel: "orders", status: "gap", reason: "limit", missed: 3, count: 1 }]);
    });
  }

  test("what is no Pusher is left alone", () => {
    for (const thing of [{}, { connector: {} }, { connector: null }, { connection: 1 }, () => {}, "Pusher", 7]) {
      assert.equal(replay(thing), thing);
      assert.equal(redial(thing), thing);
    }
  });
});

describe("redial", { timeout }, () => {
  test("a refused dial is tried again before pusher-js alone would", { timeout }, async (t) => {
    const peer = await Peer.listen(t);
    const pusher = peer.pusher(t, redial(Pusher));
    const refused = new Log();
    const { info } = pusher.timeline;
    pusher.timeline.info = function (m) {
      info.call(this, m);
      if (m.state === "closed" && peer.closed) refused.add(m.cid);
    };
    await peer.link(1);
    await soon("connection", (done) => pusher.connection.bind("connected", done));
    peer.closed = true;
    await peer.close();
    // Alone it would have waited for 15 s and 30 s by then. The first of these is the connection itself.
    await refused.count(4);
    peer.closed = false;
    await peer.open();
    await peer.link(2);
    await soon("connection", (done) => (pusher.connection.state === "connected" ? done() : pusher.connection.bind("connected", done)));
  });

  test("it does not disturb a dial that may yet succeed", { timeout }, async (t) => {
    const { createServer } = await import("node:net");
    const { WebSocketServer } = await import("ws");
    const { createServer: createHTTP } = await import("node:http");
    // The plain dial is accepted and waits; the encrypted one, two seconds later, is refused.
    const waiting = new Log();
    const refused = new Log();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (data) => {
        if (data[0] === 0x16) {
          socket.destroy();
          refused.add(1);
          return;
        }
        socket.pause();
        socket.unshift(data);
        waiting.add(socket);
      });
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    t.after(() => server.close());
    const http = createHTTP();
    new WebSocketServer({ server: http }).on("connection", (socket) =>
      socket.send('{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":120}"}'),
    );
    const { port } = server.address();
    const pusher = new Peer().pusher(t, redial(Pusher), { wsPort: port, wssPort: port, enabledTransports: ["ws", "wss"] });
    await refused.count(1);
    await pause(1500); // longer than the first pause of redial can be: it had the time to do harm
    assert.equal(waiting.entries.length, 1);
    const connected = soon("connection", (done) => pusher.connection.bind("connected", done));
    const [socket] = waiting.entries;
    http.emit("connection", socket);
    socket.resume();
    await connected;
    assert.equal(waiting.entries.length, 1);
  });

  test("a page that was told to stay away stays away", { timeout }, async (t) => {
    const peer = await Peer.listen(t);
    const pusher = peer.pusher(t, redial(Pusher));
    const closed = new Log();
    const { info } = pusher.timeline;
    await peer.link(1);
    await peer.close();
    pusher.timeline.info = function (m) {
      info.call(this, m);
      if (m.state === "closed") closed.add(m.cid);
    };
    await closed.count(1);
    pusher.disconnect();
    const dialled = closed.entries.length;
    await pause(2000); // longer than the pauses that were under way
    assert.equal(closed.entries.length, dialled);
    await peer.open();
  });
});
