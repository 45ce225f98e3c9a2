// What is published of the browser package: that it is built from its source, how large it is, its types.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { patience } from "./waiting.mjs";

const timeout = 3 * patience;
const root = new URL("../../../clients/js/", import.meta.url).pathname;
const here = new URL(".", import.meta.url).pathname;
const { buildSync } = createRequire(root)("esbuild");

function folder(t) {
  const dir = mkdtempSync(join(tmpdir(), "resound-replay-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

// project is a folder in which somebody has installed the package.
function project(t, ...others) {
  const dir = folder(t);
  mkdirSync(join(dir, "node_modules"));
  symlinkSync(root, join(dir, "node_modules/resound-replay"));
  for (const name of others) symlinkSync(join(here, "node_modules", name), join(dir, "node_modules", name));
  return dir;
}

test("dist is what npm run build makes of src", { timeout }, (t) => {
  const dir = folder(t);
  execFileSync(process.execPath, ["build.js", dir], { cwd: root });
  const read = (from) => Object.fromEntries(readdirSync(from).map((name) => [name, readFileSync(join(from, name), "utf8")]));
  assert.deepEqual(read(join(root, "dist")), read(dir), "stale: cd clients/js && npm run build");
});

// size is what a file weighs on the wire: minified, and compressed as well as gzip can.
function size(t, code) {
  const dir = project(t);
  writeFileSync(join(dir, "page.js"), code);
  const { outputFiles } = buildSync({
    entryPoints: [join(dir, "page.js")], bundle: true, minify: true, format: "iife", target: "es2018", write: false, preserveSymlinks: true,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

test("it is small", { timeout }, (t) => {
  const script = gzipSync(readFileSync(join(root, "dist/replay.js")), { level: 9 }).length;
  const auto = size(t, 'import "resound-replay/auto"');
  const redial = size(t, 'import redial from "resound-replay/redial"; redial()');
  const both = size(t, 'import "resound-replay/auto"; import redial from "resound-replay/redial"; redial()');
  t.diagnostic(`replay.js ${script} bytes, auto ${auto}, redial alone ${redial}, both ${both}`);
  assert.ok(script < 1000, `/replay.js has ${script} bytes`);
  assert.ok(auto < 1000, `auto has ${auto} bytes`);
  // README.md says so.
  assert.ok(redial < 700, `redial has ${redial} bytes`);
  assert.ok(both < 1200, `auto and redial have ${both} bytes`);
});

test("what nobody uses is left out of a bundle", { timeout }, (t) => {
  assert.ok(size(t, 'import replay from "resound-replay"; import redial from "resound-replay/redial"') < 50);
});

const page = `
import Pusher from "pusher-js";
import Echo from "laravel-echo";
import replay, { type ReplayNotice, type ReplayEvent } from "resound-replay";
import redial from "resound-replay/redial";
import "resound-replay/auto";

const Class: typeof Pusher = redial(replay(Pusher));
const pusher: Pusher = replay(new Class("key", { cluster: "" }));
const echo = new Echo<"reverb">({ broadcaster: "reverb", key: "key", Pusher: replay(Pusher) });
const same: Echo<"reverb"> = replay(echo);
const nothing: void = replay();
redial();
pusher.channel("orders").bind("pusher:replay", (notice: ReplayNotice) => {
  if (notice.status === "gap") console.log(notice.reason, notice.missed ?? 0, notice.count);
  // @ts-expect-error: a replay that misses nothing has no reason
  if (notice.status === "recovered") console.log(notice.reason);
});
window.addEventListener("pusher:replay", (event) => {
  const { channel, status, count } = event.detail;
  const text: string = channel + status + count.toFixed();
  const whole: ReplayEvent = event;
  // @ts-expect-error: there is no such member
  console.log(event.detail.events, text, whole, same, nothing);
});
`;

// Without the DOM, as in a worker or a React Native project that has not loaded its types.
const bare = `
import replay, { type ReplayNotice } from "resound-replay";
import redial from "resound-replay/redial";
const target = { instances: [] };
const same: { instances: never[] } = redial(replay(target));
export const missed = (notice: ReplayNotice): number => (notice.status === "gap" ? (notice.missed ?? 0) : same.instances.length);
`;

for (const [name, code, settings] of [
  ["a bundler, in a page", page, { module: "esnext", moduleResolution: "bundler", lib: ["es2020", "dom", "dom.iterable"], skipLibCheck: true }],
  ["a bundler, without the DOM", bare, { module: "esnext", moduleResolution: "bundler", lib: ["es2020"] }],
  ["Node's own rules", bare, { module: "nodenext", moduleResolution: "nodenext", lib: ["es2020"] }],
]) {
  test(`types: ${name}`, { timeout }, (t) => {
    const dir = project(t, "pusher-js", "laravel-echo");
    writeFileSync(join(dir, "package.json"), '{"type":"module"}');
    writeFileSync(join(dir, "page.ts"), code);
    const compilerOptions = { strict: true, noEmit: true, target: "es2020", types: [], preserveSymlinks: true, ...settings };
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["page.ts"] }));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    try {
      execFileSync(process.execPath, [tsc, "-p", dir], { encoding: "utf8" });
    } catch (error) {
      assert.fail(error.stdout);
    }
  });
}

test("the entries are there for who imports them, and npm gets these files", { timeout }, (t) => {
  const dir = project(t);
  writeFileSync(join(dir, "page.mjs"), `
    import replay from "resound-replay";
    import redial from "resound-replay/redial";
    import "resound-replay/auto";
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, "Pusher");
    console.log(typeof replay, typeof redial, typeof descriptor.set, globalThis.Pusher);
  `);
  assert.equal(execFileSync(process.execPath, ["page.mjs"], { cwd: dir, encoding: "utf8" }), "function function function undefined\n");
  const cache = join(folder(t), "cache");
  const list = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--offline", "--cache", cache], { cwd: root, encoding: "utf8" });
  const packed = JSON.parse(list);
  const { files } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    "LICENSE", "README.md", "dist/auto.d.ts", "dist/auto.js", "dist/find.js", "dist/index.d.ts", "dist/index.js",
    "dist/redial.d.ts", "dist/redial.js", "dist/replay.js", "package.json",
  ]);
});
