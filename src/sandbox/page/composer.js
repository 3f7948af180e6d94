// The box in which a person writes messages and commands.

import { avatar, el, firstLine, icon } from "/dom.js";

// Whether the style sheet can let the box grow with its text. If not, the lines are counted.
const GROWS = CSS.supports("field-sizing", "content");

/** The box for writing: Enter sends, `@` offers people, `/desk` is a command. */
export class Composer {
  constructor(half, kind) {
    this.half = half;
    this.area = el("textarea", {
      rows: 1, data: { composer: kind }, role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
      on: { input: () => this.typed(), keydown: (event) => this.key(event), blur: () => this.offer([]), click: () => this.complete() },
    });
    this.offers = el("ul", { class: "offers", role: "listbox", id: `offers-${(Composer.count = (Composer.count ?? 0) + 1)}`, hidden: true });
    this.area.setAttribute("aria-controls", this.offers.id);
    this.replying = el("div", { class: "replying", hidden: true });
    this.node = el("div", { class: "composer" }, this.offers, this.replying,
      el("div", { class: "box" }, this.area,
        el("button", { type: "button", class: "send", "aria-label": "Send", title: "Send (Enter)", data: { send: "" }, on: { click: () => this.send() } }, icon("send"))));
    this.queue = Promise.resolve();
  }

  place({ key, hint, spot }) {
    this.spot = spot;
    this.area.placeholder = hint;
    this.area.setAttribute("aria-label", hint);
    const draft = `${this.half.who} ${key}`;
    if (draft === this.draft) return;
    this.draft = draft;
    this.answer(null);
    this.write(this.half.drafts.get(draft) ?? "");
  }

  write(text) {
    this.area.value = text;
    this.typed();
  }

  answer(message) {
    this.reply = message;
    this.replying.hidden = !message;
    if (!message) return;
    this.replying.replaceChildren(el("span", {}, "Replying to ", el("b", {}, message.author), ` ${firstLine(message.text)}`),
      el("button", { type: "button", class: "plain-button", "aria-label": "Do not reply to it", on: { click: () => this.answer(null) } }, icon("close")));
    this.area.focus();
  }

  typed() {
    this.half.drafts.set(this.draft, this.area.value);
    if (!GROWS) this.area.rows = Math.min(7, this.area.value.split("\n").length);
    this.node.classList.toggle("filled", this.area.value.trim() !== "");
    this.complete();
  }

  send() {
    const text = this.area.value.trim();
    if (!text) return;
    const { spot, reply, draft, half } = this;
    this.write("");
    this.answer(null);
    const restore = () => draft === this.draft && !this.area.value && this.write(text);
    // Messages are sent one after another, in the order in which they were written.
    this.queue = this.queue.then(async () => {
      const command = /^\/desk(?:\s+([\s\S]*))?$/.exec(text);
      if (half.slack && !command && text.startsWith("/")) {
        half.toast(`${text.split(/\s/)[0]} is not a command here; /desk is.`, true);
        return restore();
      }
      const sent = command ? half.act("command", { spot, text: command[1] ?? "" }) : half.act("say", { spot, text, reply_to: reply?.id ?? null });
      if (!(await sent)) restore();
    });
  }

  key(event) {
    if (event.isComposing) return;
    const open = !this.offers.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (open && step) this.point((this.at + step + this.offers.children.length) % this.offers.children.length);
    else if (open && (event.key === "Tab" || event.key === "Enter")) this.insert(this.at);
    else if (open && event.key === "Escape") this.offer([]);
    else if (event.key === "Enter" && !event.shiftKey) this.send();
    else if (event.key === "Escape" && this.reply) this.answer(null);
    else if (event.key === "Escape" && this.close && !this.area.value) this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  complete() {
    const before = this.area.value.slice(0, this.area.selectionStart);
    const word = /(?:^|[\s(])@([\p{L}\p{N}_.-]*)$/u.exec(before);
    if (document.activeElement !== this.area) return this.offer([]);
    if (word) {
      const start = word[1].toLowerCase();
      const all = [{ handle: "desk", name: "Desk", part: "app", bot: true }, ...this.half.people];
      // A complete handle is not offered, so that Enter sends.
      if (all.some(({ handle }) => handle === start)) return this.offer([]);
      return this.offer(all.filter(({ handle, name }) => [handle, name].some((text) => text.toLowerCase().startsWith(start)) && handle !== this.half.who)
        .slice(0, 8).map((one) => ({ text: `@${one.handle} `, from: before.length - word[1].length - 1, label: [avatar(one.name, one.bot), el("b", {}, one.name), `@${one.handle}`, el("small", {}, one.part)] })));
    }
    if (/^\/(?:d|de|des)?$/.test(before)) {
      return this.offer([{ text: "/desk ", from: 0, label: [avatar("Desk", true), el("b", {}, "/desk"), "a command to the desk, such as", el("small", {}, this.half.platform === "discord" ? "/desk reply key:IT-1001 text:it comes today" : "/desk help")] }]);
    }
    this.offer([]);
  }

  offer(offers) {
    this.offered = offers;
    this.offers.hidden = offers.length === 0;
    this.area.setAttribute("aria-expanded", String(offers.length > 0));
    this.offers.replaceChildren(...offers.map((one, position) =>
      el("li", { role: "option", id: `${this.offers.id}-${position}`, on: { mousedown: (event) => { event.preventDefault(); this.insert(position); } } }, one.label)));
    if (offers.length) this.point(0);
    else this.area.removeAttribute("aria-activedescendant");
  }

  point(position) {
    this.at = position;
    [...this.offers.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === position)));
    this.area.setAttribute("aria-activedescendant", `${this.offers.id}-${position}`);
  }

  insert(position) {
    const { text, from } = this.offered[position];
    this.area.setRangeText(text, from, this.area.selectionStart, "end");
    this.typed();
  }
}
