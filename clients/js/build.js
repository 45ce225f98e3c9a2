// npm run build: writes dist/. With a folder as argument it writes there, to compare.

import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const here = (name) => new URL(name, import.meta.url).pathname;
const out = process.argv[2] ?? here("dist");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const common = { target: "es2018", charset: "utf8", logLevel: "warning" };

// For bundlers: each module as it is, without what only readers of the source need.
await build({
  ...common,
  entryPoints: ["index", "auto", "redial", "find"].map((name) => here(`src/${name}.js`)),
  outdir: out,
  format: "esm",
});

// For a script tag: one file that leaves no name behind. The server has it at /replay.js.
await build({
  ...common,
  entryPoints: [here("src/auto.js")],
  outfile: `${out}/replay.js`,
  bundle: true,
  minify: true,
  format: "iife",
});

for (const name of ["index", "auto", "redial"]) copyFileSync(here(`src/${name}.d.ts`), `${out}/${name}.d.ts`);
