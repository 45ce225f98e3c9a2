// Pages of allowed hosts, and of others, in Chromium. *.localhost is this machine in every browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, site, told } from "./chromium.mjs";
import { patience, publisher } from "./lib.mjs";

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

async function open(t, name) {
  const page = await shop.visit(browser, "1", name);
  t.after(() => page.context().close());
  return page;
}

test("a page of a host that is not allowed is refused for good", { timeout }, async (t) => {
  const pages = [];
  await told(() => pages, async () => {
    for (const name of ["127.0.0.1", "evil.localhost"]) pages.push(await open(t, name));
    for (const page of pages) await page.waitForFunction(() => echo.connector.pusher.connection.state === "disconnected");

    // Who may come back is back after 1 s: after this page is, nobody else is to be expected.
    const allowed = await open(t, "shop.localhost");
    pages.push(allowed);
    await allowed.waitForFunction(() => echo.connectionStatus() === "connected");
    await allowed.evaluate(() => echo.connector.pusher.connection.connection.transport.socket.close());
    await allowed.waitForFunction(() => states.at(-1) === "connected" && states.lastIndexOf("connecting") > 1);
    for (const page of pages.slice(0, 2)) {
      assert.deepEqual(await page.evaluate(() => states), ["connecting", "disconnected"]);
      assert.deepEqual(await page.evaluate(() => closes.map(({ code }) => code)), [4009]);
    }
  });
});

test("pages of allowed hosts are served", { timeout }, async (t) => {
  const pages = [];
  await told(() => pages, async () => {
    for (const name of ["shop.localhost", "de.shop.localhost"]) {
      const page = await open(t, name);
      pages.push(page);
      await page.evaluate(() => join("private", "open"));
    }
    await laravel.trigger("private-open", "e", 1);
    for (const page of pages) {
      await page.waitForFunction(() => log.length > 0);
      assert.deepEqual(await page.evaluate(() => log), [["private-open", 1]]);
      assert.deepEqual(page.complaints, []);
    }
  });
});
