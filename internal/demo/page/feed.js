// The form that publishes, and the messages that come back.

import { hue } from "./people.js";

const KEEP = 30; // messages
const time = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export class Feed {
  #list;
  #form;
  #me;

  constructor(list, form, me) {
    this.#list = list;
    this.#form = form;
    this.#me = me;
  }

  join(client, people, publish) {
    const input = this.#form.querySelector("#publish-text");
    const others = this.#form.querySelector("#others-only");
    const note = this.#form.querySelector("#publish-note");

    client.subscribe("demo", {
      "demo.message": (message) => {
        people.spoke(message.name);
        this.#show(message);
      },
    });
    input.oninput = () => input.value && people.typed();

    this.#form.onsubmit = async (e) => {
      e.preventDefault();
      const message = { text: input.value, name: this.#me.name };
      if (others.checked && client.socketId) message.socket_id = client.socketId;
      try {
        await publish(message);
        input.value = "";
        note.textContent = message.socket_id ? "Sent to the others: this tab was left out." : "";
      } catch (error) {
        note.textContent = error.message;
      }
    };
  }

  #show({ text, name, at }) {
    const li = document.createElement("li");
    const who = li.appendChild(document.createElement("b"));
    who.textContent = name;
    who.dataset.hue = hue(String(name));
    const when = li.appendChild(document.createElement("time"));
    when.dateTime = new Date(at).toISOString();
    when.textContent = time.format(at);
    li.appendChild(document.createElement("p")).textContent = text;
    this.#list.prepend(li);
    while (this.#list.children.length > KEEP) this.#list.lastChild.remove();
  }
}
