// Elements, icons and formatted text. Words of people only ever become text nodes: nothing here parses HTML.

/** Creates an element. `class`, `on` (listeners) and `data` are special; the rest are properties, or else attributes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key in node && !key.includes("-") && key !== "list") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function svg(shapes, props) {
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  root.setAttribute("viewBox", "0 0 24 24");
  for (const [key, value] of Object.entries(props)) root.setAttribute(key, value);
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    root.append(shape);
  }
  return root;
}

const ICONS = {
  hash: "M9 4 7 20M17 4l-2 16M4 9h16.500M3.500 15H20",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  thread: "M4 5h16v11h-8l-4.500 4v-4H4zM8 9h8M8 12.500h5",
  reply: "M9.500 6 4 11.500 9.500 17M4.500 11.500H14a6 6 0 0 1 6 6V19",
  edit: "M5 19l1-4.500L16.500 4 20 7.500 9.500 18zM14 6.500 17.500 10",
  trash: "M5 7h14M9.500 7V4.500h5V7M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  more: "M5 12h.300M12 12h.300M19 12h.300",
  smile: "M20 10.500a8.500 8.500 0 1 1-6-6.600M8.500 14.500a4.500 4.500 0 0 0 7 0M9 10v.300M15 10v.300M19.500 2v6M16.500 5h6",
  send: "M4 12 3 4l18 8-18 8zM4 12h9",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.500a2.500 2.500 0 1 1 0 5 2.500 2.500 0 0 1 0-5z",
  close: "M6 6l12 12M18 6 6 18",
  down: "M12 5v13M6.500 12.500 12 18l5.500-5.500",
  open: "M13 4h7v7M20 4l-9 9M18 14v6H4V6h6",
  bell: "M5 17a7 7 0 0 1 14 0zM3 20h18M12 10V7",
};

/** A line drawing, hidden from screen readers. */
export function icon(name) {
  return svg([["path", { d: ICONS[name] }]], { class: "icon", "aria-hidden": "true" });
}

// The five reactions on offer are drawn here, so that they look the same where no emoji font is installed.
const REACTIONS = [
  { name: "+1", sign: "👍", says: "thumbs up", also: ["thumbsup"], shapes: [
    ["path", { d: "M2.500 11H7v10H2.500z", fill: "#4f7fd0" }],
    ["path", { d: "M8 11l3.800-8.500c2 .1 3.100 1.600 2.700 3.700L14 9h5.300c1.600 0 2.500 1.200 2.200 2.700l-1.700 7.300c-.3 1.300-1.100 2-2.400 2H8z", fill: "#f4b93c" }]] },
  { name: "white_check_mark", sign: "✅", says: "done", also: [], shapes: [
    ["rect", { x: 2.5, y: 2.5, width: 19, height: 19, rx: 4.5, fill: "#2f9e62" }],
    ["path", { d: "M7 12.500l3.500 3.500L17 8.500", fill: "none", stroke: "#fff", "stroke-width": 2.6, "stroke-linecap": "round", "stroke-linejoin": "round" }]] },
  { name: "eyes", sign: "👀", says: "looking", also: [], shapes: [
    ["ellipse", { cx: 7, cy: 12, rx: 4.7, ry: 7, fill: "#fff", stroke: "#6a6a78", "stroke-width": 1.2 }],
    ["ellipse", { cx: 17, cy: 12, rx: 4.7, ry: 7, fill: "#fff", stroke: "#6a6a78", "stroke-width": 1.2 }],
    ["circle", { cx: 8.6, cy: 13.5, r: 2.5, fill: "#2b2b36" }], ["circle", { cx: 18.6, cy: 13.5, r: 2.5, fill: "#2b2b36" }]] },
  { name: "heart", sign: "❤️", says: "heart", also: ["❤"], shapes: [
    ["path", { d: "M12 21C5 15.500 2 12 2 8.300a5.200 5.200 0 0 1 10-2 5.200 5.200 0 0 1 10 2c0 3.700-3 7.200-10 12.700z", fill: "#e0455a" }]] },
  { name: "tada", sign: "🎉", says: "hooray", also: [], shapes: [
    ["path", { d: "M2.500 21.500 7.500 8l8.500 8.500z", fill: "#f4b93c" }],
    ["path", { d: "M13 9.500c2.500-1 2.500-3.500 1.500-6M15.500 12c2-2 4-2 6-1", fill: "none", stroke: "#4f7fd0", "stroke-width": 1.8, "stroke-linecap": "round" }],
    ["circle", { cx: 9, cy: 4, r: 1.4, fill: "#e0455a" }], ["circle", { cx: 20, cy: 5.5, r: 1.5, fill: "#2f9e62" }], ["circle", { cx: 19.5, cy: 17, r: 1.3, fill: "#e0455a" }]] },
];

// Reactions that the bot adds to messages. People are not offered them.
const SIGNS = [
  { name: "paperclip", sign: "📎", says: "joined to a request", also: [], shapes: [
    ["path", { d: "M8 8.500v8a4 4 0 0 0 8 0V6.500a2.700 2.700 0 0 0-5.400 0v9a1.300 1.300 0 0 0 2.600 0V8.500", fill: "none", stroke: "#6a6a78", "stroke-width": 1.8, "stroke-linecap": "round" }]] },
];

/** The five reactions on offer. `send` is what the act sends: the name on Slack, the sign itself on Discord. */
export const reactionsOf = (platform) => REACTIONS.map(({ name, sign, says }) => ({ send: platform === "slack" ? name : sign, says }));

/** Shows a reaction as a picture, or as its sign or `:name:`. */
export function emoji(name) {
  const bare = name.replace(/^:|:$/g, "");
  const known = [...REACTIONS, ...SIGNS].find((one) => one.name === bare || one.sign === bare || one.also.includes(bare));
  if (known) return svg(known.shapes, { class: "emoji", role: "img", "aria-label": known.says });
  return el("span", {}, /^[\w+-]+$/.test(bare) ? `:${bare}:` : bare);
}

const hues = new Map();

/** Gives people colours, which differ for up to eight people. */
export const paint = (names) => names.forEach((name, position) => hues.set(name, position % 8));

/** A disc with initials, in a colour that stays with the name; the bot's is a bell. */
export function avatar(name, bot = false) {
  if (bot) return el("span", { class: "avatar bot", "aria-hidden": "true" }, icon("bell"));
  const initials = name.trim().split(/\s+/).map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase();
  let hue = 7;
  for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 9973;
  return el("span", { class: `avatar hue-${hues.get(name) ?? hue % 8}`, "aria-hidden": "true" }, initials || "?");
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });

export const dayOf = (ms) => DAY.format(ms);

/** Shows a time as hour and minute, with the full date in the tooltip. */
export function time(ms) {
  return el("time", { dateTime: new Date(ms).toISOString(), title: FULL.format(ms) }, TIME.format(ms));
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/**
 * Turns formatted text into nodes. `names` are the names that can follow an `@`, `me` is the reader's name, and
 * `follow(event, url)` is called for clicks on links.
 */
export class Formatter {
  constructor({ platform, names, me, follow }) {
    this.discord = platform === "discord";
    this.me = me;
    this.follow = follow;
    const known = [...names].sort((a, b) => b.length - a.length).map(escaped).join("|");
    const pair = (mark, name) => `(?<![\\w${mark[mark.length - 1]}])${mark}(?=\\S)(?<${name}>[^\\n]*?[^\\s${mark[mark.length - 1]}])${mark}(?!\\w)`;
    this.inline = new RegExp([
      "`(?<code>[^`\\n]+)`",
      "<(?<angled>https?://[^\\s<>]+)>",
      "(?<bare>https?://[^\\s<>]*[^\\s<>.,;:!?)\\]'\"*_~])",
      `(?<mention>@(?:${known || "(?!)"}|${this.discord ? "" : "channel|"}everyone|here)(?![\\w]))`,
      pair("\\*\\*", "double"), pair("\\*", "star"), pair("__", "under"), pair("_", "low"), pair("~~", "wave"), pair("~", "tilde"),
    ].join("|"), "u");
  }

  /** With `named`, an address in angle brackets belongs to the words before it, and becomes a small icon after them. */
  format(text, named = false) {
    this.named = named;
    const out = document.createDocumentFragment();
    text.split(/```([\s\S]*?)```/).forEach((part, position) => {
      if (position % 2) {
        const code = (this.discord ? part.replace(/^[\w+-]+\n/, "") : part).replace(/^\n|\n$/g, "");
        out.append(el("pre", {}, el("code", {}, code)));
      } else this.lines(part.replace(position ? /^\n/ : /^$/, ""), out);
    });
    return out;
  }

  lines(text, out) {
    if (!text) return;
    let quote = null;
    let plain = null;
    for (const line of text.split("\n")) {
      const quoted = /^(?:>|&gt;) ?(.*)$/.exec(line);
      const small = this.discord && /^-# (.*)$/.exec(line);
      const heading = this.discord && /^#{1,3} (.*)$/.exec(line);
      if (quoted) {
        plain = null;
        if (quote) quote.append("\n");
        else out.append((quote = el("blockquote")));
        this.words(quoted[1], quote);
      } else if (small || heading) {
        plain = quote = null;
        const block = el("div", { class: small ? "small" : "heading" });
        this.words((small || heading)[1], block);
        out.append(block);
      } else {
        quote = null;
        if (plain) plain.append("\n");
        else out.append((plain = el("div", { class: "plain" })));
        this.words(line, plain);
      }
    }
  }

  words(text, out) {
    let rest = text;
    for (let found = this.inline.exec(rest); found; found = this.inline.exec(rest)) {
      const group = found.groups;
      const short = this.named && Boolean(group.angled);
      const before = rest.slice(0, found.index);
      out.append(short ? before.replace(/ $/, "\u00a0") : before);
      const nested = (tag, inner) => {
        const node = el(tag);
        this.words(inner, node);
        out.append(node);
      };
      if (group.code) out.append(el("code", {}, group.code));
      else if (group.angled || group.bare) out.append(this.link(group.angled ?? group.bare, short));
      else if (group.mention) {
        const everyone = /^@(channel|everyone|here)$/.test(group.mention);
        out.append(el("span", { class: `mention${everyone || group.mention.slice(1) === this.me ? " me" : ""}` }, group.mention));
      } else if (group.double) nested("strong", group.double);
      else if (group.star) nested(this.discord ? "em" : "strong", group.star);
      else if (group.under) nested(this.discord ? "u" : "em", group.under);
      else if (group.low) nested("em", group.low);
      else nested("s", group.wave ?? group.tilde);
      rest = rest.slice(found.index + found[0].length);
    }
    out.append(rest);
  }

  link(url, short = false) {
    const props = { href: url, target: "_blank", rel: "noopener noreferrer", on: { click: (event) => this.follow?.(event, url) } };
    return short ? el("a", { ...props, class: "goes", title: url, "aria-label": url }, icon("open")) : el("a", props, url);
  }
}

/** Returns the first line that is not blank. */
export const firstLine = (text) => text.split("\n").find((line) => line.trim()) ?? "";
