// The pages of replay-browser.mjs: what Laravel applications have in their layouts and bundles.

import { createRequire } from "node:module";
import { host, port } from "./lib.mjs";

const root = new URL("../../../clients/js/", import.meta.url).pathname;
const { buildSync } = createRequire(root)("esbuild");

// bundle is what Vite makes of a module: one file for a script tag of type module.
function bundle(code) {
  const { outputFiles } = buildSync({
    stdin: { contents: code, resolveDir: new URL(".", import.meta.url).pathname, loader: "js" },
    bundle: true, minify: true, format: "esm", platform: "browser", write: false, define: { "import.meta.env": "{}" },
    alias: Object.fromEntries(["auto", "redial"].map((name) => [`resound-replay/${name}`, `${root}dist/${name}.js`]).concat([["resound-replay", `${root}dist/index.js`]])),
  });
  return outputFiles[0].text;
}

// Every page collects: got is what listeners heard, notices what the window was told.
const head = `
  <!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Replay</title>
  <script>
    window.got = []; window.notices = [];
    addEventListener("pusher:replay", ({ detail }) => notices.push(detail));
    const query = new URLSearchParams(location.search);
    window.options = {
      key: query.get("key"), wsHost: query.get("host"), wsPort: Number(query.get("port")), wssPort: Number(query.get("port")),
      forceTLS: false, enabledTransports: ["ws", "wss"], authEndpoint: "/broadcasting/auth", auth: { headers: { "X-User": query.get("user") } },
      ...JSON.parse(query.get("options") ?? "{}"),
    };
  </script>`;

const tag = `<script src="http://${host}:${port}/app/replay.js"></script>`;
const late = `<script src="http://${host}:${port}/replay.js"></script>`;

// As Laravel's installer writes resources/js/echo.js.
const echo = `
  import Echo from "laravel-echo";
  import Pusher from "pusher-js";
  window.Pusher = Pusher;
  window.Echo = new Echo({ broadcaster: "reverb", ...options });`;

// And what some other file of the application does with it.
const listen = `
  window.hear = (channel) => channel.listen(".e", ({ n }) => got.push(n));
  hear(window.Echo.channel("CHANNEL")).subscribed(() => { window.ready = true; });`;

const plain = `
  window.pusher = new Pusher(options.key, { ...options, cluster: "" });
  for (const name of query.get("channels").split(","))
    pusher.subscribe(name).bind("e", ({ n }) => got.push(n)).bind("pusher:subscription_succeeded", () => { window.ready = true; });`;

// With whatever order of the tags. The two are of pusher-js and of the package.
const scripts = (...tags) => ["text/html", `${head}<body>${tags.join("\n")}`];
const app = (url) => `<script type="module" src="${url}"></script>`;
const pusher = '<script src="/pusher.js"></script>';
const inline = (code) => `<script>${code}</script>`;

// What a Livewire component with #[On('pusher:replay')] and #[On('echo:livewire,.e')] has its JavaScript do, written by
// hand: Livewire's own is in no npm package. calls are the requests that its component would make.
const livewire = `
  window.calls = [];
  for (const name of ["pusher:replay", "echo:livewire,.e"]) {
    window.addEventListener(name, (e) => calls.push([name, e.detail]));
    if (!name.startsWith("echo")) continue;
    const [, channel, event] = name.split(/:|,/);
    window.Echo.channel(channel).listen(event, (e) => calls.push([name, e.n])).subscribed(() => { window.ready = true; });
  }`;

const alpine = `
  import Alpine from "alpinejs";
  Alpine.start();`;

// A component of Vue, and the switch that takes it off the page.
const vue = (first, configure) => `${first}
  import { createApp, h, nextTick, ref } from "vue";
  import { configureEcho, useEcho, useEchoPublic } from "@laravel/echo-vue";
  configureEcho({ broadcaster: "reverb", ...options, ${configure} });
  const shown = ref(true);
  window.show = (yes) => { shown.value = yes; return nextTick(); };
  const Orders = {
    setup() {
      useEchoPublic("vue", ".e", ({ n }) => got.push(n));
      const { channel } = useEcho("vue", ".e", ({ n }) => got.push("private " + n));
      channel().subscribed(() => { window.ready = true; });
      return () => h("p", "orders");
    },
  };
  createApp({ render: () => (shown.value ? h(Orders) : null) }).mount(document.body);`;

const modules = {
  "/stock.js": echo,
  "/auto-first.js": `import "resound-replay/auto";${echo}`,
  "/auto-last.js": `${echo}\nimport "resound-replay/auto";`,
  "/call.js": `import replay from "resound-replay";${echo}\nreplay(window.Echo);`,
  "/class.js": `import replay from "resound-replay";${echo.replace("= Pusher;", "= replay(Pusher);")}`,
  "/redial.js": `import "resound-replay/auto"; import redial from "resound-replay/redial"; redial();${echo}`,
  "/vue.js": vue("", ""),
  "/vue-class.js": vue('import Pusher from "pusher-js"; import replay from "resound-replay";', "Pusher: replay(Pusher)"),
};

const listener = (name) => app(`data:text/javascript,${encodeURIComponent(listen.replace("CHANNEL", name))}`);

export const pages = {
  ...Object.fromEntries(Object.entries(modules).map(([path, code]) => [path, ["text/javascript", bundle(code)]])),
  "/plain": scripts(tag, pusher, inline(plain)),
  "/plain-late": scripts(pusher, late, inline(plain)),
  "/plain-last": scripts(pusher, inline(plain), late),
  "/plain-stock": scripts(pusher, inline(plain)),
  "/echo-tag": scripts(tag, app("/stock.js"), listener("echo-tag")),
  "/echo-late": scripts(app("/stock.js"), listener("echo-late"), late),
  "/echo-auto-first": scripts(app("/auto-first.js"), listener("echo-auto-first")),
  "/echo-auto-last": scripts(app("/auto-last.js"), listener("echo-auto-last")),
  "/echo-both": scripts(tag, app("/auto-first.js"), listener("echo-both")),
  "/echo-call": scripts(app("/call.js"), listener("echo-call")),
  "/echo-class": scripts(app("/class.js"), listener("echo-class")),
  "/echo-redial": scripts(app("/redial.js"), listener("echo-redial")),
  "/vue-tag": scripts(tag, app("/vue.js")),
  "/vue-class": scripts(app("/vue-class.js")),
  "/livewire": scripts(tag, app("/stock.js"), app(`data:text/javascript,${encodeURIComponent(livewire)}`)),
  "/alpine.js": ["text/javascript", bundle(alpine)],
  "/alpine": scripts(
    '<p x-data="{ heard: [] }" x-on:pusher:replay.window="heard.push($event.detail.channel + \' \' + $event.detail.status)" x-text="heard.join()"></p>',
    '<b x-data="{ heard: 0 }" @pusher:replay.window="heard++" x-text="heard"></b>',
    tag, app("/stock.js"), app("/alpine.js"), listener("alpine"),
  ),
};
