// laravel-echo and pusher-js as browsers run them, from their shipped builds.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, site, told } from "./chromium.mjs";
import { control, patience, publisher } from "./lib.mjs";

const timeout = 6 * patience;
const laravel = publisher();
let shop, browser;

before(async () => {
  shop = await site();
  browser = await launch();
}, { timeout });

after(async () => {
  await browser?.close();
  await shop?.close();
});

// open opens a page for a user and waits until Echo is connected.
async function open(t, user) {
  const page = await shop.visit(browser, user);
  t.after(() => page.context().close());
  await page.waitForFunction(() => echo.connectionStatus() === "connected");
  return page;
}

const join = (page, kind, name) => page.evaluate(([k, n]) => window.join(k, n), [kind, name]);

// logged waits until the page has logged n entries, and returns them.
async function logged(page, n) {
  await page.waitForFunction((count) => log.length >= count, n);
  return page.evaluate(() => log);
}

test("public, private, presence, whispers and toOthers in Chromium", { timeout }, async (t) => {
  const pages = [];
  await told(() => pages, async () => {
    const first = await open(t, "1");
    pages.push(first);
    assert.match(await first.evaluate(() => echo.socketId()), /^\d+\.\d+$/);
    for (const [kind, name] of [["public", "b"], ["private", "b"], ["presence", "b"]]) await join(first, kind, name);
    const second = await open(t, "2");
    pages.push(second);
    for (const [kind, name] of [["presence", "b"], ["public", "b"], ["private", "b"]]) await join(second, kind, name);
    assert.deepEqual(await logged(first, 2), [["here", "User 1"], ["joining", "User 2"]]);
    assert.deepEqual(await logged(second, 1), [["here", "User 1", "User 2"]]);

    // Only the second hears the whispers of the first, and what was published to others.
    await first.evaluate(() => echo.private("b").whisper("typing", { at: "private" }));
    assert.deepEqual((await logged(second, 2))[1], ["private-b", "whisper", { at: "private" }]);
    await first.evaluate(() => echo.join("b").whisper("typing", { at: "presence" }));
    assert.deepEqual((await logged(second, 3))[2], ["presence-b", "whisper", { at: "presence" }]);
    await laravel.trigger("b", "e", "to others", { socket_id: await first.evaluate(() => echo.socketId()) });
    assert.deepEqual((await logged(second, 4))[3], ["b", "to others"]);
    await laravel.trigger("b", "App\\Events\\Shipped", { text: "Grüße 👋" });
    assert.deepEqual((await logged(second, 5))[4], ["b", "Shipped", { text: "Grüße 👋" }]);
    assert.deepEqual((await logged(first, 3))[2], ["b", "Shipped", { text: "Grüße 👋" }]);
    await second.evaluate(() => echo.leave("b"));
    assert.deepEqual((await logged(first, 4))[3], ["leaving", "User 2"]);
    for (const page of pages) assert.deepEqual(page.complaints, []);
  });
});

test("a graceful stop is a clean close with 1001, and the page comes back", { timeout }, async (t) => {
  const page = await open(t, "1");
  await told(() => [page], async () => {
    await join(page, "public", "stop");
    const before = await page.evaluate(() => echo.socketId());
    await control("stop");
    await control("start");
    await page.waitForFunction(() => closes.length > 0);
    assert.deepEqual((await page.evaluate(() => closes))[0], { code: 1001, wasClean: true });
    await page.waitForFunction((id) => ![undefined, null, id].includes(echo.socketId()), before);
    await page.waitForFunction(() => echo.channel("stop").subscription.subscribed);
    await laravel.trigger("stop", "e", "again");
    assert.deepEqual(await logged(page, 1), [["stop", "again"]]);
  });
});
