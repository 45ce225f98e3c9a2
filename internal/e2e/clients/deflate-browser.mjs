// Compressed messages in Chromium, which offers permessage-deflate always and compresses all that it sends once it is agreed to.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, site, told } from "./chromium.mjs";
import { patience, publisher } from "./lib.mjs";
import { Proxy } from "./proxy.mjs";

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

test("events and whispers between two pages, and how many bytes they took", { timeout }, async (t) => {
  const proxy = await Proxy.listen(t);
  const pages = [];
  for (const user of ["1", "2"]) {
    const page = await shop.visit(browser, user, "127.0.0.1", { port: proxy.port });
    t.after(() => page.context().close());
    pages.push(page);
  }
  await told(() => pages, async () => {
    for (const page of pages) assert.equal(await page.evaluate(() => join("private", "orders")), "private-orders");
    const socket = "echo.connector.pusher.connection.connection.transport.socket";
    for (const page of pages) {
      assert.match(await page.evaluate(`${socket}.extensions`), /^permessage-deflate/);
    }
    const before = { ...proxy.bytes };
    const text = "Grüße 👋, and all the same again. ".repeat(200);
    for (let n = 0; n < 3; n++) await laravel.trigger("private-orders", "e", { n, text });
    for (const page of pages) await page.waitForFunction(() => log.length >= 3);
    await pages[0].evaluate((long) => echo.private("orders").whisper("typing", { long }), text);
    await pages[1].waitForFunction(() => log.length >= 4);
    const events = [0, 1, 2].map((n) => ["private-orders", { n, text }]);
    assert.deepEqual(await pages[0].evaluate(() => log), events);
    assert.deepEqual(await pages[1].evaluate(() => log), [...events, ["private-orders", "whisper", { long: text }]]);
    const down = proxy.bytes.down - before.down;
    const up = proxy.bytes.up - before.up;
    assert.ok(down < text.length, `${down} bytes came for seven times ${text.length}`);
    assert.ok(up < text.length / 10, `${up} bytes were sent for ${text.length}`);
    assert.deepEqual(pages.flatMap((page) => page.complaints), []);
  });
});
