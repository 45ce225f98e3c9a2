// Headless Chromium, with an ear on everything a page complains about.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { patience } from "./lib.mjs";

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

// visit opens a page in a context of its own: another visitor, who shares no storage.
// page.complaints are the errors and warnings of its console, uncaught errors,
// violations of the content security policy and requests that failed.
export async function visit(browser, url) {
  const context = await browser.newContext();
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
