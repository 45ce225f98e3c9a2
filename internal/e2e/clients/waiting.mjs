// Waiting for what should happen.

import assert from "node:assert/strict";

// Machines are noisy: this is when a test gives up, not how long anything should take.
export const patience = 30_000;

// Log collects what happened, and waits for what should.
export class Log {
  #waiting = new Set();
  entries = [];

  add(...entry) {
    this.entries.push(entry.length === 1 ? entry[0] : entry);
    for (const look of this.#waiting) look();
  }

  // until resolves with the first value of find(entries) that is true.
  until(find, what) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find(this.entries);
        if (!found) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`waited ${patience} ms for ${what}, and got ${JSON.stringify(this.entries)}`));
      }, patience);
      this.#waiting.add(look);
      look();
    });
  }

  count(n) {
    return this.until((entries) => entries.length >= n && entries, `${n} entries`);
  }
}

// soon is a promise that fails with a sentence instead of never.
export function soon(what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${patience} ms for: ${what}`)), patience);
    const end = (how) => (value) => {
      clearTimeout(timer);
      how(value);
    };
    start(end(resolve), end(reject));
  });
}

// eventually asks over and over until the answer is yes.
export async function eventually(what, ask) {
  const end = Date.now() + patience;
  while (!(await ask())) assert.ok(Date.now() < end, `waited ${patience} ms for: ${what}`);
}
