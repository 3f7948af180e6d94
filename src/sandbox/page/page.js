// Two workspaces side by side. Each is a `Half`: the person that the user acts as, the view of that person, and the
// acts. After each change the view is fetched again. The node of a message is kept, so that focus and unsent text stay.

import { Composer } from "/composer.js";
import { avatar, el, Formatter, icon, paint } from "/dom.js";
import { MessageList, threadSpot } from "/messages.js";

const TITLES = { slack: ["Slack", "workspace"], discord: ["Discord", "server"] };
const NO_ANSWER = 424;

const halves = new Map();

/** One platform's half of the page. */
class Half {
  constructor({ platform, people }) {
    this.platform = platform;
    this.slack = platform === "slack";
    this.people = people;
    paint(people.map((person) => person.name));
    this.who = null;
    this.view = null;
    this.chosen = new Map(); // the channel's name, by person
    this.root = null; // the message whose thread is open in Slack's pane
    this.seen = new Map(); // ids of messages that were on the screen, by person
    this.drafts = new Map();
    this.mine = new Set(); // reactions given on this page; the view has only their numbers
    this.build();
  }

  // Person and channel.

  get me() {
    return this.people.find((person) => person.handle === this.who);
  }

  get channel() {
    const channels = this.view?.channels ?? [];
    return channels.find((channel) => channel.name === this.chosen.get(this.who)) ?? channels[0];
  }

  be(handle, channel, root = null) {
    if (!this.people.some((person) => person.handle === handle)) handle = this.people[0]?.handle;
    if (channel) this.chosen.set(handle, channel);
    if (handle !== this.who) {
      this.who = handle;
      this.view = this.form = null;
      this.dialogs.replaceChildren();
      this.work.inert = false;
      this.list.clear();
      this.formatter = new Formatter({
        platform: this.platform,
        names: [...this.people.map((person) => person.name), "Desk"],
        me: this.me?.name,
        follow: (event, url) => this.follow(event, url),
      });
      for (const button of this.chooser.children) button.setAttribute("aria-pressed", button.dataset.person === handle);
      this.listen();
    }
    this.showThread(root);
    this.refresh();
  }

  go(name, root = null) {
    this.chosen.set(this.who, name);
    this.list.clear();
    this.showThread(root);
    this.show();
    this.remember();
  }

  remember() {
    const parts = [...halves.values()].map((half) => {
      const spot = [half.who, half.channel?.name ?? half.chosen.get(half.who), half.root].filter(Boolean);
      return `${half.platform}=${spot.map(encodeURIComponent).join("/")}`;
    });
    history.replaceState(null, "", `#${parts.join("&")}`);
  }

  // Talking with the server.

  listen() {
    this.source?.close();
    if (!this.who || document.hidden) return;
    const since = this.view?.version ?? 0;
    const source = new EventSource(`/api/${this.platform}/changes?who=${encodeURIComponent(this.who)}&since=${since}`);
    source.onopen = () => this.lost(false);
    source.onmessage = () => this.refresh();
    source.onerror = () => {
      this.lost(true);
      if (source.readyState === EventSource.CLOSED) setTimeout(() => source === this.source && this.listen(), 2000);
    };
    this.source = source;
  }

  lost(is) {
    this.node.classList.toggle("lost", is);
  }

  refresh() {
    this.again = true;
    this.loading ??= (async () => {
      while (this.again) {
        this.again = false;
        const who = this.who;
        const answer = await ask(`/api/${this.platform}/view?who=${encodeURIComponent(who)}`);
        if (who !== this.who) this.again = true;
        else if (answer.ok) this.take(answer.body);
        else this.lost(true);
      }
    })().finally(() => (this.loading = null));
    return this.loading;
  }

  /** Carries out an act as this person. Returns the answer, or null if it failed; the page then shows the error. */
  async act(kind, body) {
    const answer = await ask(`/api/${this.platform}/${kind}`, { who: this.who, ...body });
    const told = this.toasts.childElementCount;
    await this.refresh();
    if (answer.ok) return answer;
    if (kind === "submit" && answer.body.fields) return answer;
    // If the bot did not answer, the view usually brings the platform's own notice, which is enough.
    if (answer.status !== NO_ANSWER || this.toasts.childElementCount === told) this.toast(answer.body.error ?? "That did not work.", true);
    return null;
  }

  take(view) {
    const first = !this.view;
    const before = this.view?.notices ?? [];
    if (!view.channels.some((channel) => channel.direct)) {
      view.channels.push({ name: "desk", id: "direct", private: false, direct: true, messages: [] });
    }
    this.view = view;
    if (!first) {
      for (const notice of added(before, view.notices)) this.toast(notice);
    }
    this.show(!first);
    this.remember();
  }

  // Showing.

  build() {
    const [title, kind] = TITLES[this.platform] ?? [this.platform, ""];
    this.chooser = el("div", { class: "people", role: "group", "aria-label": `Be somebody in ${title}` }, this.people.map((person) =>
      el("button", {
        type: "button", class: "person", title: `Be ${person.name} (@${person.handle})`, "aria-pressed": "false",
        data: { person: person.handle }, on: { click: () => this.be(person.handle) },
      }, avatar(person.name), el("span", { class: "who" }, el("b", {}, person.name), el("small", {}, person.part)))));
    this.nav = el("ul");
    this.direct = el("ul");
    this.title = el("h3");
    this.scope = el("span", { class: "scope" });
    this.dms = el("label", { class: "dms", hidden: true },
      el("input", { type: "checkbox", on: { change: (event) => this.act("close_direct", { closed: !event.target.checked }) } }), "Accept direct messages");
    this.list = new MessageList(this, { label: `Messages in ${title}` });
    this.composer = new Composer(this, "main");
    this.pane = el("aside", { class: "pane", hidden: true, "aria-label": "Thread" });
    this.toasts = el("div", { class: "toasts", role: "status", "aria-live": "polite" });
    this.live = el("div", { class: "unseen", role: "log", "aria-live": "polite" });
    this.fresh = el("button", { type: "button", class: "fresh", hidden: true, on: { click: () => this.list.toEnd() } }, icon("down"), "New messages");
    this.list.node.addEventListener("scroll", () => this.list.atEnd() && (this.fresh.hidden = true));
    this.work = el("div", { class: "work" },
      el("nav", { class: "rail", "aria-label": `${title} channels` }, el("h4", {}, "Channels"), this.nav, el("h4", {}, "Direct messages"), this.direct),
      el("div", { class: "main" },
        el("div", { class: "bar" }, this.title, this.scope, this.dms),
        this.list.node, this.fresh, this.composer.node),
      this.pane);
    this.dialogs = el("div", { class: "dialogs" });
    this.node = el("section", { class: `half ${this.platform}`, data: { platform: this.platform }, "aria-label": `${title} ${kind}` },
      el("div", { class: "head" },
        el("h2", {}, title, el("span", {}, kind)), el("span", { class: "offline", role: "status" }, "reconnecting …"), this.chooser),
      el("div", { class: "stage" }, this.work, this.dialogs), this.toasts, this.live);
  }

  show(speak = false) {
    const { view, channel } = this;
    if (!view || !channel) return;
    const seen = this.seen.get(this.who) ?? this.seen.set(this.who, new Set()).get(this.who);
    const news = speak ? everything(channel).filter((message) => !seen.has(message.id) && !this.isMine(message)) : [];
    if (!document.hidden) {
      for (const message of channel.messages) {
        seen.add(message.id);
        if (!this.slack || message.id === this.root) for (const reply of message.thread) seen.add(reply.id);
      }
    }
    this.showRail(seen);
    const direct = channel.direct;
    this.title.replaceChildren(direct ? avatar("Desk", true) : icon(channel.private ? "lock" : "hash"), direct ? "Desk" : channel.name);
    this.scope.textContent = direct ? "Direct message: only you and the desk" : channel.private ? "Private: members only" : "Everybody can read this";
    this.dms.hidden = !direct || this.slack;
    this.dms.firstChild.checked = !view.direct_closed;
    this.list.start = direct ? "Whatever you write here, only you and the desk can see." : `This is the start of #${channel.name}.`;
    this.list.update(channel.messages, { channel, earlier: view.earlier[channel.id] ?? 0 });
    this.composer.place({
      key: channel.id,
      hint: direct ? "Message Desk" : `Message #${channel.name}`,
      spot: direct ? { kind: "direct" } : { kind: "channel", channel: channel.name },
    });
    if (this.slack) this.fillPane(channel);
    this.showForm(view.form);
    if (news.length) this.live.replaceChildren(el("p", {}, `${news.at(-1).author}: ${news.at(-1).text}`));
  }

  showRail(seen) {
    for (const [node, direct] of [[this.nav, false], [this.direct, true]]) {
      const channels = this.view.channels.filter((channel) => channel.direct === direct);
      const kept = new Map([...node.children].map((item) => [item.firstChild.dataset.id, item]));
      node.replaceChildren(...channels.map((channel) => {
        const item = kept.get(channel.id) ?? el("li", {}, el("button", {
          type: "button", class: "channel", data: { channel: direct ? "desk" : channel.name, id: channel.id },
          on: { click: () => { this.go(channel.name); this.composer.area.focus(); } },
        }, direct ? avatar("Desk", true) : icon(channel.private ? "lock" : "hash"),
        el("span", { class: "name" }, direct ? "Desk" : channel.name),
        direct && el("span", { class: "unseen" }, "(direct message)"), el("span", { class: "count" })));
        const button = item.firstChild;
        const fresh = everything(channel).filter((message) => !seen.has(message.id) && !this.isMine(message));
        const pings = fresh.filter((message) => direct || message.pings.includes(this.who)).length;
        const count = button.lastChild;
        button.classList.toggle("unread", fresh.length > 0);
        if (channel === this.channel) button.setAttribute("aria-current", "page");
        else button.removeAttribute("aria-current");
        count.className = fresh.length ? (pings ? "count pings" : "count dot") : "count";
        count.textContent = pings || "";
        count.title = fresh.length ? `${fresh.length} unread` : "";
        return item;
      }));
    }
  }

  isMine(message) {
    return !message.bot && message.author === this.me?.name;
  }

  /** Replaces names in mentions, as the view shows them, by handles, as people type them. */
  handles(text) {
    const known = [...this.people, { name: "Desk", handle: "desk" }].sort((a, b) => b.name.length - a.name.length);
    return known.reduce((words, { name, handle }) => words.replaceAll(`@${name}`, `@${handle}`), text);
  }

  follow(event, url) {
    follow(event, url, this);
  }

  find(id) {
    for (const channel of this.view?.channels ?? []) {
      for (const message of channel.messages) {
        if (message.id === id) return { channel, message };
        const reply = message.thread.find((one) => one.id === id);
        if (reply) return { channel, message: reply, root: message };
      }
    }
    return null;
  }

  /** Scrolls to a message. Returns false if this person does not see it. */
  jump(id) {
    const found = this.find(id);
    if (!found) return false;
    const root = this.slack && found.root ? found.root.id : null;
    if (found.channel !== this.channel || root) this.go(found.channel.name, root);
    const node = this.node.querySelector(`[data-message="${CSS.escape(id)}"]`);
    node?.scrollIntoView({ block: "center" });
    node?.classList.add("flash");
    setTimeout(() => node?.classList.remove("flash"), 1600);
    return true;
  }

  toast(text, wrong = false) {
    const close = () => toast.remove();
    const toast = el("div", { class: wrong ? "toast wrong" : "toast", role: wrong ? "alert" : null }, el("span", {}, text),
      el("button", { type: "button", class: "plain-button", "aria-label": "Close", on: { click: close } }, icon("close")));
    this.toasts.append(toast);
    setTimeout(close, 7000);
  }

  // Threads in a pane (Slack).

  showThread(root) {
    if (root === this.root && !this.pane.hidden === Boolean(root)) return;
    this.root = root;
    this.replies = null;
    this.pane.hidden = !root;
    this.pane.replaceChildren();
    this.node.classList.toggle("with-pane", Boolean(root));
  }

  openThread(root) {
    this.showThread(root);
    this.show();
    this.remember();
    this.replyComposer?.area.focus();
  }

  fillPane(channel) {
    if (!this.root) return;
    const root = channel.messages.find((message) => message.id === this.root);
    if (!root) return this.showThread(null);
    if (!this.replies) {
      this.replies = new MessageList(this, { label: "Messages of the thread", inThread: true });
      this.replyComposer = new Composer(this, "thread");
      const close = () => { this.showThread(null); this.remember(); };
      this.pane.append(
        el("div", { class: "bar" }, el("h3", {}, "Thread"), el("span", { class: "scope" }, channel.direct ? "Desk" : `#${channel.name}`),
          el("button", { type: "button", class: "plain-button", "aria-label": "Close thread", on: { click: close } }, icon("close"))),
        this.replies.node, this.replyComposer.node);
    }
    this.replies.update([root, ...root.thread], { channel, root });
    this.replyComposer.place({ key: `thread ${root.id}`, hint: "Reply in the thread", spot: threadSpot(channel, root) });
  }

  // Forms.

  showForm(form) {
    if (form?.id === this.form?.id) {
      for (const field of form?.fields ?? []) this.fieldError(field.id, field.error);
      return;
    }
    this.form = form;
    this.dialogs.replaceChildren();
    this.work.inert = Boolean(form);
    if (!form) return this.composer.area.focus();
    const name = `form-${this.platform}`;
    const send = el("button", { type: "submit", class: "button primary", data: { submit: "" } }, form.submit || "Send");
    const dismiss = () => this.act("dismiss", { form: form.id });
    const submit = async (event) => {
      event.preventDefault();
      const values = {};
      for (const input of dialog.querySelectorAll("[data-field]")) values[input.dataset.field] = input.value;
      for (const field of form.fields) this.fieldError(field.id, null);
      send.disabled = true;
      const answer = await this.act("submit", { form: form.id, values });
      send.disabled = false;
      for (const [id, error] of Object.entries(answer?.body?.fields ?? {})) this.fieldError(id, error);
      dialog.querySelector("[aria-invalid=true]")?.focus();
    };
    const dialog = el("dialog", { "aria-labelledby": name, "aria-modal": "true", on: { keydown: (event) => event.key === "Escape" && dismiss() } },
      el("form", { on: { submit } },
        el("header", {}, el("h3", { id: name }, form.title),
          el("button", { type: "button", class: "plain-button", "aria-label": "Close the form", on: { click: dismiss } }, icon("close"))),
        el("div", { class: "fields" }, form.intro && el("div", { class: "intro" }, this.formatter.format(form.intro)),
          form.fields.map((field) => this.field(field, name))),
        el("footer", {}, el("button", { type: "button", class: "button", on: { click: dismiss } }, "Cancel"), send)));
    this.dialogs.append(dialog);
    dialog.show();
    for (const field of form.fields) this.fieldError(field.id, field.error);
    (dialog.querySelector("[data-field]") ?? send).focus();
  }

  field(field, form) {
    const id = `${form}-${field.id}`;
    const common = { id, required: !field.optional, "aria-describedby": `${id}-error`, data: { field: field.id } };
    const people = field.person ? this.people.map((person) => ({ value: person.handle, label: person.name })) : [];
    const choices = [...field.options, ...people].map((option) => el("option", { value: option.value, selected: option.value === field.value }, option.label));
    if (choices.length && (field.optional || !field.value)) choices.unshift(el("option", { value: "", selected: !field.value }, field.optional ? "–" : "Choose …"));
    const input = choices.length ? el("select", common, choices)
      : field.multiline ? el("textarea", { ...common, rows: 4, value: field.value }) : el("input", { ...common, type: "text", value: field.value });
    return el("div", { class: "field" },
      el("label", { for: id }, field.label, field.optional && el("small", {}, "optional")), input,
      el("p", { class: "error", id: `${id}-error`, hidden: true, role: "alert" }));
  }

  fieldError(id, error) {
    const input = this.dialogs.querySelector(`[data-field="${CSS.escape(id)}"]`);
    if (!input) return error && this.toast(error, true);
    const line = input.parentElement.querySelector(".error");
    line.textContent = error ?? "";
    line.hidden = !error;
    input.setAttribute("aria-invalid", Boolean(error));
  }
}

const everything = (channel) => channel.messages.flatMap((message) => [message, ...message.thread]);

/** Returns the entries that are new at the end of `after`. Old entries may have been dropped from the front. */
function added(before, after) {
  for (let kept = Math.min(before.length, after.length); kept > 0; kept--) {
    if (before.slice(-kept).every((text, position) => text === after[position])) return after.slice(kept);
  }
  return after;
}

/** Links to messages stay on the page; others open elsewhere. */
function follow(event, url, half) {
  const slack = /\/archives\/\w+\/p(\d+)(\d{6})(?:\?|$)/.exec(url) ?? /\/client\/\w+\/\w+\/thread\/\w+-(\d+)\.(\d{6})$/.exec(url);
  const discord = /\/channels\/(?:\d+|@me)\/(\d+)(?:\/(\d+))?\/?$/.exec(url);
  if (!slack && !discord) return;
  event.preventDefault();
  const there = halves.get(slack ? "slack" : "discord");
  const ids = slack ? [`${slack[1]}.${slack[2]}`] : [discord[2], discord[1]].filter(Boolean);
  if (ids.some((id) => there?.jump(id))) return;
  const channel = there?.view?.channels.find((one) => discord && one.id === discord[1]);
  if (channel) there.go(channel.name);
  else half.toast(`${there?.me?.name ?? "Nobody"} cannot see that message on ${slack ? "Slack" : "Discord"}.`);
}

async function ask(path, body) {
  const how = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  try {
    const response = await fetch(path, how);
    const text = await response.text();
    return { ok: response.ok, status: response.status, body: text ? JSON.parse(text) : {} };
  } catch {
    return { ok: false, status: 0, body: { error: "The sandbox does not answer. Is it still running?" } };
  }
}

function showTips(tips, formatter) {
  const section = document.querySelector(".tips");
  const toggle = document.querySelector(".tips-toggle");
  section.firstElementChild.replaceChildren(...tips.map((tip) => el("li", {}, el("div", {}, formatter.format(tip)))));
  section.hidden = toggle.hidden = tips.length === 0;
  toggle.addEventListener("click", () => {
    section.hidden = !section.hidden;
    toggle.textContent = section.hidden ? "What to try" : "Hide tips";
    toggle.setAttribute("aria-expanded", String(!section.hidden));
  });
}

function recall() {
  const spots = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
  for (const half of halves.values()) {
    let spot = [];
    try {
      spot = (spots.get(half.platform) ?? "").split("/").map(decodeURIComponent);
    } catch {
      // An address that cannot be decoded is ignored.
    }
    half.be(spot[0], spot[1], (half.slack && spot[2]) || null);
  }
}

const main = document.querySelector("main");
const answer = await ask("/api/worlds");
if (!answer.ok) {
  main.replaceChildren(el("p", { class: "starting", role: "alert" }, answer.body.error));
} else {
  for (const world of answer.body.worlds) halves.set(world.platform, new Half(world));
  main.replaceChildren(...[...halves.values()].map((half) => half.node));
  showTips(answer.body.tips, new Formatter({ platform: "discord", names: ["desk"], me: "" }));
  recall();
  window.addEventListener("hashchange", recall);
  document.addEventListener("visibilitychange", () => {
    for (const half of halves.values()) {
      half.listen();
      if (!document.hidden) half.refresh();
    }
  });
}
