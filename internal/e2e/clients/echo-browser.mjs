// laravel-echo and pusher-js as browsers run them, from their shipped builds.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch, told, visit } from "./chromium.mjs";
import { app, authServer, closeServer, control, host, patience, port, publisher } from "./lib.mjs";

const timeout = 6 * patience;
const laravel = publisher();
const files = {
  "/": ["echo-page.html", "text/html"],
  "/page.js": ["echo-page.js", "text/javascript"],
  "/pusher.js": ["node_modules/pusher-js/dist/web/pusher.min.js", "text/javascript"],
  "/echo.js": ["node_modules/laravel-echo/dist/echo.iife.js", "text/javascript"],
};
let auth, server, browser;

before(async () => {
  auth = await authServer();
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    if (pathname === "/broadcasting/auth") {
      let body = "";
      for await (const chunk of request) body += chunk;
      const headers = { "content-type": "application/x-www-form-urlencoded", "x-user": request.headers["x-user"] };
      const answer = await fetch(auth.url, { method: "POST", headers, body });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
      return;
    }
    const [name, type] = files[pathname] ?? [];
    if (!name) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type }).end(await readFile(new URL(name, import.meta.url)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await launch();
}, { timeout });

after(async () => {
  await browser?.close();
  await closeServer(server);
  await auth.close();
});

// open opens a page for a user and waits until Echo is connected.
async function open(t, user) {
  const query = new URLSearchParams({ key: app.key, host, port, user });
  const page = await visit(browser, `http://127.0.0.1:${server.address().port}/?${query}`);
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
