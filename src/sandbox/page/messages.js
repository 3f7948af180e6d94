// Messages: their list, each with its tools, controls and reactions, and the threads under them.

import { Composer } from "/composer.js";
import { avatar, dayOf, el, emoji, firstLine, icon, reactionsOf, time } from "/dom.js";

const GROUP_MS = 5 * 60 * 1000;
const SHOWN_IN_THREAD = 6;

/** Messages in order, one node each, with a line where the day changes. */
export class MessageList {
  constructor(half, { label, inThread = false, nested = false }) {
    this.half = half;
    this.inThread = inThread;
    this.nested = nested;
    this.items = new Map();
    this.start = "";
    this.node = el("ol", { class: nested ? "messages nested" : "messages", "aria-label": label, on: { keydown: (event) => this.walk(event) } });
    if (nested) return;
    // A list that is scrolled to its end stays there when its size changes.
    this.stuck = true;
    this.node.addEventListener("scroll", () => (this.stuck = this.atEnd()));
    new ResizeObserver(() => this.stuck && this.toEnd()).observe(this.node);
  }

  clear() {
    this.items.clear();
    this.node.replaceChildren();
    this.settled = false;
    this.stuck = true;
  }

  atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  update(messages, place) {
    const { half } = this;
    const stay = this.settled && !this.stuck;
    const wanted = [];
    if (place.earlier) wanted.push(this.line("earlier", `${place.earlier} older messages are not shown`, "note"));
    else if (this.start) wanted.push(this.line("start", this.start, "note"));
    const live = new Set();
    let previous = null;
    for (const message of messages) {
      const day = dayOf(message.at_ms);
      if (!this.nested && (!previous || dayOf(previous.at_ms) !== day) && !this.inThread) {
        wanted.push(this.line(`day ${day}`, day, "day"));
        previous = null;
      }
      let item = this.items.get(message.id);
      if (!item) this.items.set(message.id, (item = new Message(half, this)));
      live.add(message.id);
      const compact = previous && previous.author === message.author && previous.bot === message.bot && !message.reply_to
        && previous.only_you === message.only_you && message.at_ms - previous.at_ms < GROUP_MS && !(previous.thread.length && !half.slack)
        && previous !== place.root;
      item.update(message, Boolean(compact), place);
      wanted.push(item.node);
      previous = message;
    }
    for (const id of this.items.keys()) if (!live.has(id) && !/^(day |start|earlier)/.test(id)) this.items.delete(id);
    let grown = false;
    wanted.forEach((node, position) => {
      if (this.node.children[position] === node) return;
      grown ||= !node.isConnected;
      this.node.insertBefore(node, this.node.children[position] ?? null);
    });
    while (this.node.children.length > wanted.length) this.node.lastChild.remove();
    const last = wanted.at(-1);
    for (const node of wanted) node.tabIndex = node === last ? 0 : -1;
    if (this.nested) return;
    const own = messages.length && half.isMine(messages.at(-1));
    if (!stay || (grown && own)) this.toEnd();
    else if (grown && this === half.list) half.fresh.hidden = false;
    this.settled = true;
  }

  line(key, text, kind) {
    let line = this.items.get(key);
    if (!line) this.items.set(key, (line = { node: el("li", { class: kind }, el("span")) }));
    line.node.firstChild.textContent = text;
    return line.node;
  }

  /** Up and down move from message to message. */
  walk(event) {
    const item = event.target.closest("li");
    if (event.target !== item || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const next = event.key === "ArrowUp" ? item.previousElementSibling : item.nextElementSibling;
    event.preventDefault();
    event.stopPropagation();
    next?.focus();
  }
}

/** One message, with its thread below it on Discord. */
class Message {
  constructor(half, list) {
    this.half = half;
    this.list = list;
    this.body = el("div", { class: "body" });
    this.node = el("li", { class: "message" }, this.body);
    this.node.addEventListener("focusin", () => this.reachable(0));
    this.node.addEventListener("focusout", () => this.reachable(-1));
  }

  reachable(tabIndex) {
    for (const button of this.body.querySelectorAll(".tools button")) button.tabIndex = tabIndex;
  }

  update(message, compact, place) {
    const { half } = this;
    this.message = message;
    this.place = place;
    const seen = half.seen.get(half.who);
    const replies = half.slack && !this.list.inThread ? message.thread.map((reply) => [reply.id, reply.author]) : [];
    const fresh = replies.some(([id]) => !seen?.has(id));
    const mine = message.reactions.map(([name]) => half.mine.has(this.reactionKey(name)));
    const answered = message.reply_to && half.find(message.reply_to)?.message;
    const print = JSON.stringify([{ ...message, thread: null }, compact, replies, fresh, mine, answered?.text, half.root === message.id]);
    if (print !== this.print && !this.editing) {
      this.print = print;
      this.draw(compact, fresh, answered);
    }
    if (!half.slack && !this.list.nested) this.drawThread();
  }

  draw(compact, fresh, answered) {
    const { half, message } = this;
    const pinged = message.pings.includes(half.who);
    // A deleted message with a thread stays as an empty message, without an author.
    const gone = !message.author;
    this.node.className = ["message", compact && "compact", message.only_you && "only-you", pinged && "pinged", message.bot && "from-bot", gone && "gone"].filter(Boolean).join(" ");
    this.node.dataset.message = message.id;
    if (message.only_you) this.node.dataset.onlyYou = "";
    const text = el("div", { class: "text", data: { text: "" } }, half.formatter.format(message.text, message.bot));
    if (message.edited) text.append(el("span", { class: "edited" }, "(edited)"));
    this.text = text;
    this.body.replaceChildren(
      ...[message.reply_to && el("button", { type: "button", class: "answers", on: { click: () => half.jump(message.reply_to) } },
        "replying to ", el("b", {}, answered?.author ?? "a message"), ` ${answered ? firstLine(answered.text) : "that is gone"}`),
      el("div", { class: "gutter" }, gone ? null : compact ? time(message.at_ms) : avatar(message.author, message.bot)),
      el("div", { class: "content" },
        message.only_you && el("p", { class: "only" }, icon("eye"), "Only visible to you"),
        el("div", { class: compact ? "by unseen" : "by" }, el("b", {}, message.author), message.bot && el("span", { class: "app" }, "APP"), !compact && time(message.at_ms)),
        text,
        message.table?.length > 0 && this.table(message.table),
        message.controls.length > 0 && el("div", { class: "controls" }, message.controls.map((control) => this.control(control))),
        message.reactions.length > 0 && el("div", { class: "reactions" }, message.reactions.map(([name, count]) => this.chip(name, count))),
        half.slack && !this.list.inThread && message.thread.length > 0 && this.repliesButton(fresh)),
      !message.only_you && !gone && this.tools()].filter(Boolean));
  }

  table([columns, ...rows]) {
    return el("table", { class: "table", data: { table: "" } },
      el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, at) => at ? el("td", {}, cell) : el("th", { scope: "row" }, cell))))));
  }

  control(control) {
    const { half } = this;
    const named = { data: { control: control.label } };
    if (control.kind === "feedback") {
      return el("span", { class: "feedback" }, control.options.map(({ label, value }, at) =>
        el("button", { type: "button", class: "button small", title: label, data: { control: label }, on: { click: (event) => this.press(event.currentTarget, control, value) } }, `${at ? "👎" : "👍"} ${label}`)));
    }
    if (control.kind === "link") {
      const url = [control.id, control.options[0]?.value].find((text) => /^https?:\/\//.test(text ?? ""));
      if (!url) return el("span", { class: "button link", ...named }, control.label);
      return el("a", { class: "button link", href: url, target: "_blank", rel: "noopener noreferrer", ...named, on: { click: (event) => half.follow(event, url) } }, control.label, icon("open"));
    }
    if (control.kind === "button") {
      return el("button", { type: "button", class: `button ${control.style}`, ...named, on: { click: (event) => this.press(event.currentTarget, control, null) } }, control.label);
    }
    const options = control.kind === "person_select"
      ? half.people.map((person) => ({ value: person.handle, label: `${person.name} (${person.part})` })) : control.options;
    const choose = (event) => {
      const { value } = event.currentTarget;
      if (value) this.press(event.currentTarget, control, value);
      event.currentTarget.value = "";
    };
    // Arrow keys open the list. Otherwise the first one would already choose an option.
    const keydown = (event) => {
      if (!["ArrowUp", "ArrowDown"].includes(event.key) || event.altKey || !event.currentTarget.showPicker) return;
      event.preventDefault();
      event.currentTarget.showPicker();
    };
    return el("select", { class: "menu", "aria-label": control.label, ...named, on: { change: choose, keydown } },
      el("option", { value: "" }, control.label), options.map((option) => el("option", { value: option.value }, option.label)));
  }

  async press(node, control, value) {
    node.disabled = true;
    node.classList.add("busy");
    await this.half.act("press", { message: this.at(), control: control.id, value });
    node.disabled = false;
    node.classList.remove("busy");
  }

  at() {
    return { channel: this.message.channel, id: this.message.id };
  }

  reactionKey(name) {
    return JSON.stringify([this.half.who, this.message.id, name]);
  }

  async react(name) {
    const key = this.reactionKey(name);
    const add = !this.half.mine.has(key);
    if (add) this.half.mine.add(key);
    else this.half.mine.delete(key);
    if (await this.half.act("react", { message: this.at(), emoji: name, add })) return;
    if (add) this.half.mine.delete(key);
    else this.half.mine.add(key);
  }

  chip(name, count) {
    const mine = this.half.mine.has(this.reactionKey(name));
    return el("button", { type: "button", class: "chip", "aria-pressed": String(mine), data: { reaction: name }, title: mine ? "Take your reaction back" : "React with this too", on: { click: () => this.react(name) } },
      emoji(name), el("span", {}, String(count)));
  }

  repliesButton(fresh) {
    const { half, message } = this;
    const authors = [...new Map(message.thread.map((reply) => [reply.author, reply])).values()].slice(-3);
    const count = message.thread.filter((reply) => !reply.only_you).length;
    return el("button", {
      type: "button", class: fresh ? "replies fresh-replies" : "replies", data: { openThread: message.id },
      "aria-expanded": String(half.root === message.id), on: { click: () => half.openThread(message.id) },
    }, authors.map((reply) => avatar(reply.author, reply.bot)), el("b", {}, !count ? "Only for you" : count === 1 ? "1 reply" : `${count} replies`),
    el("span", { class: "last" }, "last at ", time(message.thread.at(-1).at_ms)), fresh && el("span", { class: "new" }, "new"));
  }

  tools() {
    const { half, message, list } = this;
    const button = (name, label, click, data = {}) =>
      el("button", { type: "button", tabIndex: -1, title: label, "aria-label": label, data, on: { click } }, icon(name));
    const picker = el("span", { class: "picker", hidden: true }, reactionsOf(half.platform).map(({ send, says }) =>
      el("button", { type: "button", tabIndex: -1, title: says, "aria-label": `React: ${says}`, data: { react: send }, on: { click: () => { picker.hidden = true; this.react(send); } } }, emoji(send))));
    const smile = button("smile", "Add a reaction", () => { picker.hidden = !picker.hidden; if (!picker.hidden) picker.firstChild.focus(); }, { addReaction: "" });
    const offered = [...half.view?.menus ?? [], ...half.view?.person_menus ?? []];
    const menu = el("span", { class: "message-menu", hidden: true, role: "group", "aria-label": "What the app offers" }, offered.map((name) =>
      el("button", { type: "button", tabIndex: -1, data: { menu: name }, on: { click: () => { menu.hidden = true; half.act("menu", { message: this.at(), name }); } } }, name)));
    const more = offered.length > 0 && !message.only_you && button("more", "More: what the app offers", () => { menu.hidden = !menu.hidden; if (!menu.hidden) menu.firstChild.focus(); }, { offers: "" });
    const threadable = !list.inThread && !list.nested && (half.slack || !this.place.channel.direct) && !message.thread.length;
    return el("div", { class: "tools", role: "group", "aria-label": "What to do with this message" },
      picker, smile, menu, more,
      !half.slack && button("reply", "Reply", () => this.answer(), { reply: message.id }),
      threadable && button("thread", half.slack ? "Reply in thread" : "Create thread", () => this.openThread(), { openThread: message.id }),
      half.isMine(message) && button("edit", "Edit", () => this.edit(), { edit: message.id }),
      half.isMine(message) && button("trash", "Delete", () => half.act("delete", { message: this.at() }), { delete: message.id }));
  }

  answer() {
    (this.list.owner?.composer ?? this.half.composer).answer(this.message);
  }

  edit() {
    const { half, message } = this;
    this.editing = true;
    const area = el("textarea", { rows: Math.min(8, message.text.split("\n").length), value: half.handles(message.text), "aria-label": "Edit your message", data: { editing: "" } });
    const done = () => {
      this.editing = false;
      this.body.classList.remove("editing");
      this.print = null;
      half.show();
    };
    const save = async () => {
      const text = area.value.trim();
      if (text && !(await half.act("edit", { message: this.at(), text }))) return;
      done();
    };
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") done();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        save();
      }
    });
    this.text.replaceChildren(area, el("div", { class: "controls" },
      el("button", { type: "button", class: "button primary", data: { save: "" }, on: { click: save } }, "Save"),
      el("button", { type: "button", class: "button", on: { click: done } }, "Cancel")));
    this.body.classList.add("editing");
    area.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  // Threads under the message (Discord).

  openThread() {
    if (this.half.slack) return this.half.openThread(this.message.id);
    this.started = true;
    this.drawThread();
    this.composer.area.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  drawThread() {
    const { half, message, place } = this;
    const wanted = message.thread.length > 0 || this.started;
    if (!wanted) {
      this.block?.remove();
      this.block = null;
      return;
    }
    if (!this.block) {
      this.replies = new MessageList(half, { label: "Messages of the thread", nested: true });
      this.replies.owner = this;
      this.composer = new Composer(half, "thread");
      this.composer.close = () => { this.started = false; this.drawThread(); };
      this.caption = el("span");
      this.more = el("button", { type: "button", class: "more", hidden: true, on: { click: () => { this.whole = true; this.drawThread(); } } });
      this.block = el("div", { class: "thread", role: "group", "aria-label": "Thread" },
        el("button", { type: "button", class: "caption", data: { openThread: message.id }, on: { click: () => this.composer.area.focus() } }, icon("thread"), this.caption),
        this.more, this.replies.node, this.composer.node);
      this.node.append(this.block);
    }
    const count = message.thread.filter((reply) => !reply.only_you).length;
    this.caption.textContent = count ? `Thread · ${count === 1 ? "1 message" : `${count} messages`}` : message.thread.length ? "Thread" : "New thread";
    const hidden = this.whole ? 0 : Math.max(0, message.thread.length - SHOWN_IN_THREAD);
    this.more.hidden = !hidden;
    this.more.textContent = `Show ${hidden} earlier`;
    this.replies.update(message.thread.slice(hidden), place);
    this.composer.place({ key: `thread ${message.id}`, hint: "Write in the thread", spot: threadSpot(place.channel, message) });
  }
}

/** Returns the spot of a reply in the thread under `root`. */
export function threadSpot(channel, root) {
  return channel.direct ? { kind: "direct", root: root.id } : { kind: "thread", channel: channel.name, root: root.id };
}
