// Who has the page open, and who of them is typing.

const FIRST = ["Amber", "Brave", "Calm", "Clever", "Cosy", "Eager", "Gentle", "Happy", "Jolly", "Kind", "Lively", "Lucky", "Merry", "Nimble", "Quiet", "Sunny"];
const SECOND = ["Badger", "Beaver", "Crane", "Dolphin", "Falcon", "Finch", "Fox", "Hare", "Heron", "Lynx", "Marten", "Otter", "Owl", "Panda", "Robin", "Seal"];

const WHISPER = "client-typing";
const CHANNEL = "presence-demo";
const REPEAT = 1500; // ms between whispers while somebody types
const FADE = 3000; // ms without a whisper after which they have stopped

// myself is kept by the tab: a reload is the same person, another tab another one.
export function myself() {
  const kept = sessionStorage.getItem("resound-demo-me");
  if (kept) return JSON.parse(kept);
  const [a, b, ...rest] = crypto.getRandomValues(new Uint8Array(10));
  const id = "v-" + rest.map((n) => n.toString(16).padStart(2, "0")).join("");
  const me = { id, name: `${FIRST[a % FIRST.length]} ${SECOND[b % SECOND.length]}` };
  sessionStorage.setItem("resound-demo-me", JSON.stringify(me));
  return me;
}

// hue gives everybody one of eight colours, the same in every tab.
export function hue(text) {
  let sum = 0;
  for (const c of text) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return sum % 8;
}

export class People {
  #list;
  #line;
  #me;
  #client;
  #names = new Map(); // user id -> name
  #typing = new Map(); // user id -> timer
  #whispered = 0;

  constructor(list, line, me) {
    this.#list = list;
    this.#line = line;
    this.#me = me;
  }

  join(client, authorize) {
    this.#client = client;
    client.subscribe(CHANNEL, {
      "pusher_internal:subscription_succeeded": ({ presence }) => {
        this.#names.clear();
        for (const [id, info] of Object.entries(presence.hash)) this.#names.set(id, info?.name ?? "Guest");
        this.#draw();
      },
      "pusher_internal:member_added": ({ user_id, user_info }) => {
        this.#names.set(String(user_id), user_info?.name ?? "Guest");
        this.#draw();
      },
      "pusher_internal:member_removed": ({ user_id }) => {
        this.#names.delete(String(user_id));
        this.#stop(String(user_id));
        this.#draw();
      },
      // Whose whisper it is, is what the server says, not what the data says.
      [WHISPER]: (_, userId) => this.#start(String(userId)),
    }, authorize);
  }

  // typed tells the others, not at every key.
  typed() {
    const now = performance.now();
    if (this.#whispered && now - this.#whispered < REPEAT) return;
    this.#whispered = now;
    this.#client.whisper(CHANNEL, WHISPER, {});
  }

  // spoke ends the indicator of somebody whose message has arrived.
  spoke(name) {
    for (const [id, other] of this.#names) if (other === name) this.#stop(id);
  }

  #start(id) {
    if (!this.#names.has(id)) return;
    clearTimeout(this.#typing.get(id));
    this.#typing.set(id, setTimeout(() => this.#stop(id), FADE));
    this.#say();
  }

  #stop(id) {
    clearTimeout(this.#typing.get(id));
    if (this.#typing.delete(id)) this.#say();
  }

  #say() {
    const names = [...this.#typing.keys()].map((id) => this.#names.get(id)).filter(Boolean);
    const text = names.length > 2 ? `${names.length} people are typing` : `${names.join(" and ")} ${names.length === 2 ? "are" : "is"} typing`;
    this.#line.textContent = names.length ? text : "";
    for (const li of this.#list.children) li.toggleAttribute("data-typing", this.#typing.has(li.dataset.user));
  }

  #draw() {
    const rest = [...this.#names].filter(([id]) => id !== this.#me.id).sort((a, b) => a[1].localeCompare(b[1]));
    const mine = this.#names.has(this.#me.id) ? [[this.#me.id, this.#me.name]] : [];
    this.#list.replaceChildren(...[...mine, ...rest].map(([id, name]) => this.#item(id, name)));
    this.#say();
  }

  #item(id, name) {
    const li = document.createElement("li");
    li.dataset.user = id;
    const face = li.appendChild(document.createElement("span"));
    face.className = "face";
    face.dataset.hue = hue(name);
    face.ariaHidden = "true";
    face.textContent = name.split(" ").map((word) => [...word][0]).join("").slice(0, 2).toUpperCase();
    li.appendChild(document.createElement("span")).textContent = name;
    if (id === this.#me.id) {
      const you = li.appendChild(document.createElement("em"));
      you.textContent = "you";
    }
    return li;
  }
}
