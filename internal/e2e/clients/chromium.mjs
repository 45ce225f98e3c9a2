// Headless Chromium, with an ear on everything a page complains about.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { app, authServer, closeServer, host, patience, port } from "./lib.mjs";

const executablePath = "/usr/bin/chromium";

export async function launch() {
  assert.ok(existsSync(executablePath), `${executablePath} is not installed: run \`make deps\``);
  return chromium.launch({
    executablePath,
    timeout: 2 * patience,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
}

// visit opens a page in a context of its own, or in one that is there: another visitor, who shares no storage.
// page.complaints are the errors and warnings of its console, uncaught errors,
// violations of the content security policy and requests that failed.
export async function visit(browser, url, context) {
  context ??= await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.complaints = [];
  page.console = [];
  page.on("console", (message) => {
    page.console.push(`${message.type()}: ${message.text()}`);
    if (["error", "warning"].includes(message.type())) page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(String(error.stack ?? error)));
  page.on("requestfailed", (request) => page.complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (r) => r.status() >= 400 && page.complaints.push(`${r.url()}: ${r.status()}`));
  await page.addInitScript(() =>
    addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)),
  );
  await page.goto(url);
  return page;
}

// site is a Laravel application as far as browsers can tell: echo-page.html with a
// build of pusher-js, and /broadcasting/auth. visit opens it for a user, as name in the address bar.
// texts are more pages, each a type and a text by its path; visit's more may name one, and further parameters.
export async function site(build = "pusher.min.js", texts = {}) {
  const files = {
    "/": ["echo-page.html", "text/html"],
    "/page.js": ["echo-page.js", "text/javascript"],
    "/pusher.js": [`node_modules/pusher-js/dist/web/${build}`, "text/javascript"],
    "/echo.js": ["node_modules/laravel-echo/dist/echo.iife.js", "text/javascript"],
  };
  const auth = await authServer();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    if (pathname === "/broadcasting/auth") {
      let body = "";
      for await (const chunk of request) body += chunk;
      const headers = { "content-type": "application/x-www-form-urlencoded", "x-user": request.headers["x-user"] };
      const answer = await fetch(auth.url, { method: "POST", headers, body });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
      return;
    }
    if (texts[pathname]) {
      const [type, text] = texts[pathname];
      response.writeHead(200, { "content-type": type }).end(text);
      return;
    }
    const [name, type] = files[pathname] ?? [];
    if (!name) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type }).end(await readFile(new URL(name, import.meta.url)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    visit(browser, user, name = "127.0.0.1", { path = "/", context, ...more } = {}) {
      const query = new URLSearchParams({ key: app.key, host, port, user, ...more });
      return visit(browser, `http://${name}:${server.address().port}${path}?${query}`, context);
    },
    async close() {
      await closeServer(server);
      await auth.close();
    },
  };
}

// told adds what the pages said to the error of a test that fails.
export async function told(pages, body) {
  try {
    return await body();
  } catch (error) {
    const said = pages().map((page, i) => `page ${i + 1}:\n${page.console.join("\n")}\n${page.complaints.join("\n")}`);
    error.message += `\n${said.join("\n")}`;
    throw error;
  }
}
