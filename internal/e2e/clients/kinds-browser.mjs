// Encrypted channels in Chromium, with the build of pusher-js that can read them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, site, told } from "./chromium.mjs";
import { patience, publisher } from "./lib.mjs";

const timeout = 6 * patience;
const laravel = publisher();
let shop, browser;

before(async () => {
  shop = await site("pusher-with-encryption.min.js");
  browser = await launch();
}, { timeout });

after(async () => {
  await browser?.close();
  await shop?.close();
});

test("an encrypted channel, and one that caches, in Chromium", { timeout }, async (t) => {
  const page = await shop.visit(browser, "1");
  t.after(() => page.context().close());
  await told(() => [page], async () => {
    await laravel.trigger("private-encrypted-cache-b", "e", "while nobody was there");
    assert.equal(await page.evaluate(() => join("encrypted", "b")), "private-encrypted-b");
    await laravel.trigger("private-encrypted-b", "e", { text: "Grüße 👋" });
    await page.waitForFunction(() => log.length >= 1);
    await page.evaluate(() => join("encrypted", "cache-b"));
    await page.waitForFunction(() => log.length >= 2);
    assert.deepEqual(await page.evaluate(() => log), [
      ["private-encrypted-b", { text: "Grüße 👋" }],
      ["private-encrypted-cache-b", "while nobody was there"],
    ]);
    assert.deepEqual(page.complaints, []);
  });
});
