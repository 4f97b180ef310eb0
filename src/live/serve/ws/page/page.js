// The page of `layerlab ws serve`: one WebSocket that talks, and one that shows its frames.
"use strict";

const MOST = 200; // entries kept in each pane
const at = (id) => document.getElementById(id);
const here = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
let talk = null;
let watched = null; // the promise of a mailbox for frames

function entry(pane, side, title) {
  const item = document.createElement("li");
  item.className = side;
  const head = document.createElement("b");
  head.textContent = title;
  item.append(head);
  const list = at(pane);
  list.prepend(item);
  while (list.children.length > MOST) list.lastChild.remove();
  return item;
}

function add(parent, kind, className, text) {
  const element = document.createElement(kind);
  element.className = className;
  element.textContent = text;
  parent.append(element);
  return element;
}

// "48656c6c6f" to "48 65 6c 6c 6f".
const spaced = (hex) => hex.replace(/../g, "$& ").trim();
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function shorten(text) {
  return text.length > 300 ? `${text.slice(0, 300)} ...` : text;
}

// The frames of the other connection, as the server tells them.
function watch() {
  return new Promise((done) => {
    const frames = new WebSocket(`${here}/frames`, "layerlab.frames");
    let greeted = false;
    frames.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.id) {
        greeted = true;
        at("unseen").hidden = true;
        done(told);
      } else if (told.missed) {
        at("missed").textContent = `(${told.missed} more came too fast to be shown)`;
      } else if (told.request) {
        shook(told);
      } else {
        frame(told);
      }
    };
    frames.onclose = ({ code, reason }) => {
      watched = null;
      at("unseen").hidden = greeted;
      if (code === 1013) at("unseen").textContent = `No frames are shown: ${reason} (1013). Connect again later.`;
      done({ id: null, path: new URLSearchParams(location.search).get("path") ?? "/" });
    };
  });
}

function shook({ request, response }) {
  add(entry("frames", "client", "the handshake's request"), "pre", "", request.trim());
  add(entry("frames", "server", "its answer: from here on, frames"), "pre", "", response.trim());
}

function frame(told) {
  const length = told["websocket.payload_length"];
  const item = entry("frames", told.from, `${told.n}. ${told.from}: ${told.opcode}, ${length} octets`);
  const rsv = told["websocket.rsv"];
  const opcode = told["websocket.opcode"];
  const extended = told.header.slice(4, told["websocket.mask"] ? -8 : undefined);
  const cells = [
    ["FIN", Number(told["websocket.fin"])],
    ["RSV1", rsv >> 2], ["RSV2", (rsv >> 1) & 1], ["RSV3", rsv & 1],
    ["opcode", opcode.toString(2).padStart(4, "0")],
    ["MASK", Number(told["websocket.mask"])],
    ["length", (parseInt(told.header.slice(2, 4), 16) & 127).toString(2).padStart(7, "0")],
  ];
  if (extended) cells.push([`${extended.length * 4} bits more`, length]);
  if (told["websocket.mask"]) cells.push(["masking key", spaced(told["websocket.masking_key"])]);
  const table = add(item, "table", "bits", "");
  const [names, values] = [table.insertRow(), table.insertRow()];
  for (const [name, value] of cells) {
    add(names, "th", "", name);
    add(values, "td", "", value);
  }
  const octets = add(item, "div", "octets", "");
  const key = told["websocket.mask"] ? 8 : 0;
  add(octets, "span", "header", spaced(told.header.slice(0, told.header.length - key)));
  if (key) add(octets, "span", "key", ` ${spaced(told.header.slice(-key))}`);
  const shown = told.masked.length / 2;
  const more = length > shown ? ` ... ${length - shown} more` : "";
  add(octets, "span", "dim", ` ${spaced(told.masked)}${more}`);
  if (key && shown) {
    add(octets, "div", "", `unmasked: ${spaced(told.payload)}${more}`);
  }
  if (opcode === 1 && !rsv) {
    add(octets, "div", "", JSON.stringify(new TextDecoder().decode(bytes(told.payload))) + more);
  }
  if (opcode === 8 && shown >= 2) {
    add(octets, "div", "", `close code ${parseInt(told.payload.slice(0, 4), 16)}`);
  }
}

function opened(is) {
  at("state").textContent = is ? "OPEN" : "CLOSED";
  at("state").className = is ? "open" : "closed";
  at("connect").disabled = is;
  for (const button of [at("close"), at("binary"), at("say").querySelector("[type=submit]")]) button.disabled = !is;
}

async function connect() {
  at("connect").disabled = true;
  watched ??= watch();
  const { id, path } = await watched;
  talk = new WebSocket(here + path + (id ? `?frames=${id}` : ""));
  talk.binaryType = "arraybuffer";
  talk.onopen = () => {
    opened(true);
    entry("messages", "", `open: ${talk.url}`);
  };
  talk.onmessage = ({ data }) => {
    const binary = data instanceof ArrayBuffer;
    const item = entry("messages", "server", binary ? `binary, ${data.byteLength} octets` : `text, ${data.length} characters`);
    if (!binary) add(item, "pre", "", shorten(data));
  };
  talk.onclose = ({ code, reason, wasClean }) => {
    opened(false);
    entry("messages", "", `closed: ${code}${reason && ` "${reason}"`}${wasClean ? "" : ", not cleanly"}`);
  };
}

at("connect").onclick = connect;
at("close").onclick = () => {
  try {
    talk.close(at("code").valueAsNumber, at("reason").value);
  } catch (error) {
    // A script may close with 1000 and 3000 to 4999 alone.
    entry("messages", "", error.message);
  }
};
at("say").onsubmit = (event) => {
  event.preventDefault();
  const text = at("text").value;
  talk.send(text);
  add(entry("messages", "client", `text, ${text.length} characters`), "pre", "", shorten(text));
};
at("binary").onclick = () => {
  const octets = new Uint8Array(at("octets").valueAsNumber || 0).map((_, i) => i);
  talk.send(octets);
  entry("messages", "client", `binary, ${octets.length} octets`);
};
