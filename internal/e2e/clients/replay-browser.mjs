// What pages miss while they are away, and get when they are back, in Chromium: every way to add the
// browser package, and what happens to browsers.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, site, told } from "./chromium.mjs";
import { control, eventually, get, patience, publisher } from "./lib.mjs";
import { Proxy } from "./proxy.mjs";
import { pages } from "./replay-pages.mjs";

const timeout = 4 * patience;
const laravel = publisher();
let shop, browser;

before(async () => {
  shop = await site("pusher-with-encryption.min.js", pages);
  browser = await launch();
}, { timeout });

after(async () => {
  await browser?.close();
  await shop?.close();
});

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const publish = async (name, from, to = from) => {
  for (const n of range(from, to)) await laravel.trigger(name, "e", { n });
};

// enter opens a page behind a network of its own, and resolves when its channel is subscribed to.
async function enter(t, path, more = {}, at = browser) {
  const proxy = more.proxy ?? (await Proxy.listen(t));
  const page = await shop.visit(at, "1", "127.0.0.1", { path, port: proxy.port, ...more });
  t.after(() => page.context().close());
  await told(() => [page], () => page.waitForFunction(() => window.ready));
  return { page, proxy };
}

// heard waits for the last of a list of what came, and requires all of it.
async function heard(page, want) {
  await told(() => [page], () =>
    page.waitForFunction((n) => window.got.length >= n, want.length).catch(async (error) => {
      error.message += `\n${JSON.stringify(await page.evaluate(() => [got, notices]))}`;
      throw error;
    }),
  );
  assert.deepEqual(await page.evaluate(() => got), want);
}

const connection = "(window.pusher ?? window.Echo?.connector.pusher ?? Pusher.instances[0]).connection";

// away is cut off while something happens.
async function away({ page, proxy }, during) {
  await page.evaluate((c) => { window.left = new Promise((done) => eval(c).bind("connecting", () => done(true))); }, connection);
  proxy.hold();
  proxy.cut();
  await page.evaluate(() => window.left);
  await during();
  proxy.release();
}

for (const [path, channel, how] of [
  ["/plain", "plain", "a script tag in front of pusher-js"],
  ["/plain-late", "plain-late", "a script tag behind pusher-js"],
  ["/plain-last", "plain-last", "a script tag behind everything"],
  ["/echo-tag", "echo-tag", "a script tag, and a bundle with Echo that knows nothing of it"],
  ["/echo-late", "echo-late", "a script tag behind that bundle"],
  ["/echo-auto-first", "echo-auto-first", "import 'resound-replay/auto' in front"],
  ["/echo-auto-last", "echo-auto-last", "import 'resound-replay/auto' behind"],
  ["/echo-both", "echo-both", "a script tag and the import"],
  ["/echo-call", "echo-call", "replay(window.Echo)"],
  ["/echo-class", "echo-class", "window.Pusher = replay(Pusher)"],
]) {
  test(how, { timeout }, async (t) => {
    const visitor = await enter(t, path, { channels: channel });
    await publish(channel, 1);
    await heard(visitor.page, [1]);
    await away(visitor, () => publish(channel, 2, 20));
    await heard(visitor.page, range(1, 20));
    await publish(channel, 21);
    await heard(visitor.page, range(1, 21));
    assert.deepEqual(await visitor.page.evaluate(() => notices), [{ channel, status: "recovered", count: 19 }]);
    assert.deepEqual(visitor.page.complaints.filter((line) => !line.includes("WebSocket")), []);
  });
}

test("without the package a page has its gap, as ever", { timeout }, async (t) => {
  const visitor = await enter(t, "/plain-stock", { channels: "stock" });
  await publish("stock", 1);
  await heard(visitor.page, [1]);
  await visitor.page.evaluate(() => { window.ready = false; });
  await away(visitor, () => publish("stock", 2));
  await visitor.page.waitForFunction(() => window.ready);
  await publish("stock", 3);
  await heard(visitor.page, [1, 3]);
  assert.deepEqual(await visitor.page.evaluate(() => notices), []);
});

for (const [path, how] of [["/vue-tag", "a script tag, bundle untouched"], ["/vue-class", "configureEcho({ Pusher: replay(Pusher) })"]]) {
  test(`@laravel/echo-vue: ${how}`, { timeout }, async (t) => {
    const visitor = await enter(t, path);
    const { page } = visitor;
    // Both subscriptions are there when both channels have had an event.
    await eventually("both channels", async () => {
      await publish("vue", 0);
      await publish("private-vue", 0);
      return page.evaluate(() => got.includes(0) && got.includes("private 0"));
    });
    await page.evaluate(() => { window.got = []; window.notices = []; });
    await publish("vue", 1);
    await publish("private-vue", 2);
    await page.waitForFunction(() => got.includes("private 2"));
    await away(visitor, async () => {
      await publish("vue", 3, 9);
      await publish("private-vue", 3, 9);
    });
    await page.waitForFunction(() => got.includes(9) && got.includes("private 9"));
    const got = (await page.evaluate(() => window.got)).filter((n) => n !== 0 && n !== "private 0");
    assert.deepEqual(got.filter(Number.isInteger), [1, ...range(3, 9)]);
    assert.deepEqual(got.filter((n) => !Number.isInteger(n)), range(2, 9).map((n) => `private ${n}`));
    // The component goes, and with it the position: what came meanwhile is for the page to load.
    // Until the server has heard of that, an event goes out, and pusher-js gives it to whoever is on the channel when it comes.
    await page.evaluate(() => show(false));
    await eventually("the channel to be left", async () => !(await get("/channels/vue")).occupied);
    await publish("vue", 10);
    await page.evaluate(() => { window.ready = false; return show(true); });
    await page.waitForFunction(() => window.ready);
    await eventually("the channel again", async () => {
      await publish("vue", 11);
      return page.evaluate(() => window.got.includes(11));
    });
    assert.ok(!(await page.evaluate(() => window.got)).includes(10));
  });
}

test("private, presence, encrypted and cache channels of one page", { timeout }, async (t) => {
  const names = ["private-kinds", "presence-kinds", "private-encrypted-kinds", "cache-kinds"];
  const visitor = await enter(t, "/plain", { channels: names.join() });
  const { page } = visitor;
  await page.waitForFunction((all) => all.every((name) => pusher.channel(name).subscribed), names);
  await page.evaluate((all) => {
    window.got = Object.fromEntries(all.map((name) => [name, []]));
    for (const name of all) pusher.channel(name).unbind("e").bind("e", ({ n }) => got[name].push(n));
  }, names);
  const all = (from, to) => Promise.all(names.map((name) => publish(name, from, to)));
  const have = async (to) => {
    await page.waitForFunction((n) => Object.values(got).every((list) => list.length >= n), to);
    assert.deepEqual(await page.evaluate(() => got), Object.fromEntries(names.map((name) => [name, range(1, to)])));
  };
  await all(1, 2);
  await have(2);
  await away(visitor, () => all(3, 8));
  await have(8);
  await all(9);
  await have(9);
  assert.deepEqual(await page.evaluate(() => Object.keys(pusher.channel("presence-kinds").members.members)), ["1"]);
  assert.deepEqual((await page.evaluate(() => notices)).map(({ channel }) => channel).sort(), names.toSorted());
});

test("Livewire: one call of a component's listener for each event, and one for the notice", { timeout }, async (t) => {
  const visitor = await enter(t, "/livewire");
  await publish("livewire", 1);
  await visitor.page.waitForFunction(() => calls.length >= 1);
  await away(visitor, () => publish("livewire", 2, 4));
  await visitor.page.waitForFunction(() => calls.length >= 5);
  assert.deepEqual(await visitor.page.evaluate(() => calls), [
    ["echo:livewire,.e", 1],
    ["pusher:replay", { channel: "livewire", status: "recovered", count: 3 }],
    ...range(2, 4).map((n) => ["echo:livewire,.e", n]),
  ]);
});

test("Alpine hears of notices", { timeout }, async (t) => {
  const visitor = await enter(t, "/alpine");
  await publish("alpine", 1);
  await heard(visitor.page, [1]);
  await away(visitor, () => publish("alpine", 2, 3));
  await heard(visitor.page, [1, 2, 3]);
  await visitor.page.waitForFunction(() => document.querySelector("b").textContent === "1");
  assert.equal(await visitor.page.textContent("p"), "alpine recovered");
});

test("offline and online: nothing is lost and nothing doubled", { timeout }, async (t) => {
  const visitor = await enter(t, "/plain", { channels: "offline", options: '{"activityTimeout":1000,"pongTimeout":1000}' });
  const { page, proxy } = visitor;
  await publish("offline", 1);
  await heard(page, [1]);
  await page.context().setOffline(true);
  await publish("offline", 2, 5);
  await page.waitForFunction((c) => eval(c).state !== "connected" || got.length > 4, connection);
  await page.context().setOffline(false);
  await publish("offline", 6);
  await heard(page, range(1, 6));
  assert.ok(proxy.dials.entries.length >= 1);
});

test("a black hole: what the server had sent into it comes again", { timeout }, async (t) => {
  const { page, proxy } = await enter(t, "/plain", { channels: "hole", options: '{"activityTimeout":1000,"pongTimeout":1000}' });
  await publish("hole", 1);
  await heard(page, [1]);
  proxy.swallow();
  await publish("hole", 2, 10);
  await heard(page, range(1, 10));
  await publish("hole", 11);
  await heard(page, range(1, 11));
  assert.deepEqual(await page.evaluate(() => notices), [{ channel: "hole", status: "recovered", count: 9 }]);
});

test("two tabs of one visitor, cut off together", { timeout }, async (t) => {
  const one = await enter(t, "/plain", { channels: "tabs" });
  const two = await enter(t, "/plain", { channels: "tabs", context: one.page.context(), proxy: one.proxy });
  await publish("tabs", 1);
  for (const { page } of [one, two]) await heard(page, [1]);
  await away(one, () => publish("tabs", 2, 9));
  for (const { page } of [one, two]) await heard(page, range(1, 9));
  // A page that is loaded anew begins anew.
  await two.page.reload();
  await two.page.waitForFunction(() => window.ready);
  await publish("tabs", 10);
  await heard(two.page, [10]);
  await heard(one.page, range(1, 10));
});

// family is a process and all that it has started.
function family(pid) {
  const parents = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return [[Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])]];
    } catch {
      return []; // it has ended meanwhile
    }
  });
  const found = [pid];
  for (const parent of found) for (const [child, its] of parents) if (its === parent) found.push(child);
  return found;
}

test("a laptop that sleeps: the whole browser stands still, and its connection is gone when it wakes", { timeout }, async (t) => {
  const others = new Set(family(process.pid));
  const own = await launch();
  t.after(() => own.close());
  const { page, proxy } = await enter(t, "/plain", { channels: "sleep" }, own);
  await publish("sleep", 1);
  await heard(page, [1]);
  const asleep = family(process.pid).filter((pid) => !others.has(pid));
  assert.ok(asleep.length > 2, `${asleep.length} processes`);
  for (const pid of asleep) process.kill(pid, "SIGSTOP");
  try {
    await publish("sleep", 2, 3); // into the buffers of a process that stands still
    proxy.cut();
    await publish("sleep", 4, 9);
  } finally {
    for (const pid of asleep.reverse()) process.kill(pid, "SIGCONT");
  }
  await heard(page, range(1, 9));
});

for (const action of ["stop", "kill"]) {
  test(`the server ends (${action}) and begins again with its data`, { timeout }, async (t) => {
    const channel = `restart-${action}`;
    const visitor = await enter(t, "/echo-tag", {});
    await visitor.page.evaluate((name) => new Promise((done) => hear(window.Echo.private(name)).subscribed(done)), channel);
    await publish(`private-${channel}`, 1, 2);
    await heard(visitor.page, [1, 2]);
    await away(visitor, async () => {
      await publish(`private-${channel}`, 3);
      await control(action);
      await control("start");
      await publish(`private-${channel}`, 4, 5);
    });
    await heard(visitor.page, range(1, 5));
  });
}

test("redial: a server that is away for a moment is found again, and nothing is missing", { timeout }, async (t) => {
  // Without a network of its own: the port refuses. pusher-js alone is back after 15 s, so it gets no time for a second try.
  const page = await shop.visit(browser, "1", "127.0.0.1", { path: "/echo-redial" });
  t.after(() => page.context().close());
  await page.waitForFunction(() => window.ready);
  await publish("echo-redial", 1);
  await heard(page, [1]);
  await page.evaluate((c) => {
    window.refused = 0;
    const { timeline } = eval(c.replace(/\.connection$/, ""));
    const { info } = timeline;
    timeline.info = function (m) {
      info.call(this, m);
      if (m.cid && m.state === "closed") refused++;
    };
  }, connection);
  await control("kill");
  // Its connection, and three dials: the third would come after 45 s.
  await page.waitForFunction(() => refused >= 4);
  await control("start");
  await publish("echo-redial", 2, 4);
  await heard(page, range(1, 4));
});

test("the server begins again without its data: the page is told", { timeout }, async (t) => {
  const visitor = await enter(t, "/plain", { channels: "lost" });
  await publish("lost", 1, 2);
  await heard(visitor.page, [1, 2]);
  await away(visitor, async () => {
    await control("kill");
    await control("wipe");
    await control("start");
    await publish("lost", 3, 4);
  });
  await heard(visitor.page, range(1, 4));
  assert.deepEqual(await visitor.page.evaluate(() => notices), [{ channel: "lost", status: "gap", reason: "epoch", count: 2 }]);
  await away(visitor, () => publish("lost", 5));
  await heard(visitor.page, range(1, 5));
});
