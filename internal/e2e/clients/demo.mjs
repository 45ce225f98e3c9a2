// The demo page in Chromium, opened by two visitors.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, told, visit } from "./chromium.mjs";
import { patience } from "./lib.mjs";

const url = process.env.DEMO_URL;
const timeout = 6 * patience;
let browser;

before(async () => (browser = await launch()), { timeout });
after(() => browser?.close());

// texts are those of the elements that match.
const texts = (page, selector) => page.locator(selector).allTextContents();

test("two visitors see the same shop, each other, and what they say", { timeout }, async () => {
  const pages = [];
  await told(() => pages, async () => {
    const first = await visit(browser, url);
    pages.push(first);
    await first.waitForSelector('#state[data-state="connected"]');

    // Published events change the table and draw the chart, without a reload.
    await first.waitForSelector("#orders tr[data-order]");
    const orders = () => first.locator("#orders tbody").innerHTML();
    const table = await orders();
    await first.waitForFunction((old) => document.querySelector("#orders tbody").innerHTML !== old, table);
    await first.waitForFunction(() => /^M.+L/.test(document.querySelector("#chart-line").getAttribute("d") ?? ""));
    await first.waitForFunction(() => [...document.querySelectorAll(".tile strong")].every((e) => /\d/.test(e.textContent)));

    // The first is alone, and sees the second come.
    await first.waitForFunction(() => document.querySelectorAll("#members li").length === 1);
    const second = await visit(browser, url);
    pages.push(second);
    await second.waitForFunction(() => document.querySelectorAll("#members li").length === 2);
    await first.waitForFunction(() => document.querySelectorAll("#members li").length === 2);
    const name = async (page) => (await texts(page, "#members li:has(em) span:not(.face)"))[0];
    const [one, two] = [await name(first), await name(second)];
    assert.ok((await texts(first, "#members li span:not(.face)")).includes(two));

    // Typing in one is seen in the other, as a whisper.
    await second.fill("#publish-text", "hello, world <b>&</b> 👋");
    await first.waitForFunction((who) => document.querySelector("#typing").textContent === `${who} is typing`, two);
    assert.equal(await second.locator("#typing").textContent(), "");

    // Publishing shows in both, as text.
    await second.click('#publish-form button[type="submit"]');
    for (const page of pages) {
      await page.waitForSelector("#feed li");
      assert.deepEqual(await texts(page, "#feed li p"), ["hello, world <b>&</b> 👋"]);
      assert.deepEqual(await texts(page, "#feed li b"), [two]);
    }
    // "to others only" leaves the own tab out; the next message, to all, proves it.
    await first.check("#others-only");
    await first.fill("#publish-text", "to others");
    await first.click('#publish-form button[type="submit"]');
    await second.waitForFunction(() => document.querySelectorAll("#feed li").length === 2);
    await first.uncheck("#others-only");
    await first.fill("#publish-text", "to all");
    await first.click('#publish-form button[type="submit"]');
    await second.waitForFunction(() => document.querySelectorAll("#feed li").length === 3);
    await first.waitForFunction(() => document.querySelectorAll("#feed li").length === 2);
    assert.deepEqual(await texts(first, "#feed li p"), ["to all", "hello, world <b>&</b> 👋"]);
    assert.deepEqual(await texts(second, "#feed li p"), ["to all", "to others", "hello, world <b>&</b> 👋"]);

    // A reload is the same visitor; closing the tab is a leave.
    await second.reload();
    await second.waitForFunction((who) => document.querySelector("#members li em")?.parentNode.textContent.includes(who), two);
    await second.context().close();
    await first.waitForFunction(() => document.querySelectorAll("#members li").length === 1);
    assert.equal(await name(first), one);
    for (const page of pages) assert.deepEqual(page.complaints, []);
    await first.context().close();
  });
});

test("what is pasted into a Laravel project names this server", { timeout }, async () => {
  const page = await visit(browser, url);
  await told(() => [page], async () => {
    await page.waitForFunction(() => document.querySelector("#env").textContent !== "");
    const env = await page.locator("#env").textContent();
    assert.match(env, /^BROADCAST_CONNECTION=reverb$/m);
    assert.match(env, /^REVERB_APP_KEY=.+$/m);
    assert.match(env, new RegExp(`^REVERB_PORT=${new URL(url).port}$`, "m"));
    assert.deepEqual(page.complaints, []);
  });
  await page.context().close();
});
