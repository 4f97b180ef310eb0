// npm's `ws` as a peer: an echo server that can also misbehave in legal ways, and a client that tries a server.
//
//   node ws.js server            says its port, then serves: /echo, /fragments, /ping, /close?CODE
//   node ws.js client URL        a line for each trial, `ok NAME` or `FAILED NAME: why`

const { WebSocket, WebSocketServer } = require("ws");
const [, , role, url] = process.argv;

if (role === "server") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 64 } });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket, request) => {
    socket.on("error", () => {});
    if (request.url === "/fragments") {
      // "naïve" cut inside its third character, a Ping between the two.
      const text = Buffer.from("naïve text");
      socket.send(text.subarray(0, 3), { fin: false, binary: false });
      socket.ping("between");
      socket.send(text.subarray(3), { fin: true, binary: false });
    } else if (request.url === "/ping") {
      socket.on("pong", (payload) => socket.send(`pong ${payload}`));
      socket.ping("are you there");
    } else if (request.url.startsWith("/close?")) {
      socket.close(Number(request.url.slice(7)), "so long");
    } else if (request.url === "/deflated") {
      socket.send(`extensions ${socket.extensions}`);
    }
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  });
} else {
  client().then((failed) => process.exit(failed));
}

async function client() {
  let failed = 0;
  const trial = async (name, options, run) => {
    const socket = new WebSocket(url, options.protocols ?? [], { perMessageDeflate: options.deflate ?? false });
    const closed = new Promise((done) => socket.on("close", (code, reason) => done({ code, reason: `${reason}` })));
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error("nothing for 20 s")), 20000).unref());
    try {
      const opened = new Promise((done, fail) => socket.on("open", done).on("error", fail));
      await Promise.race([opened, late]);
      const what = await Promise.race([run(socket, closed), late]);
      if (what) throw new Error(what);
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.message}`);
    }
    socket.terminate();
  };
  const messages = (socket, count) =>
    new Promise((done) => {
      const all = [];
      socket.on("message", (data, binary) => all.push([data, binary]) === count && done(all));
    });

  for (const deflate of [false, true]) {
    const by = deflate ? " deflated" : "";
    await trial(`1000 texts in order${by}`, { deflate }, async (socket) => {
      const came = messages(socket, 1000);
      for (let n = 0; n < 1000; n++) socket.send(`message ${n} ${"ä".repeat(n % 90)}`);
      const wrong = (await came).findIndex(([data, binary], n) => binary || `${data}` !== `message ${n} ${"ä".repeat(n % 90)}`);
      return wrong < 0 ? "" : `the echo of message ${wrong} is another`;
    });
    await trial(`1 MiB binary${by}`, { deflate }, async (socket) => {
      const sent = Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, n) => (n * n) >> 7));
      const came = messages(socket, 1);
      socket.send(sent);
      const [[data, binary]] = await came;
      return binary && data.equals(sent) ? "" : "the echo is another";
    });
    await trial(`agreed on${by || " no extension"}`, { deflate }, async (socket) =>
      socket.extensions === (deflate ? "permessage-deflate" : "") ? "" : `extensions ${socket.extensions}`);
    await trial(`fragmented${by}`, { deflate }, async (socket) => {
      const came = messages(socket, 1);
      const pong = new Promise((done) => socket.on("pong", done));
      const text = Buffer.from("naïve text ".repeat(30));
      socket.send(text.subarray(0, 3), { fin: false, binary: false });
      socket.ping("between");
      const between = `${await pong}`;
      socket.send(text.subarray(3, 50), { fin: false });
      socket.send(text.subarray(50), { fin: true });
      const [[data, binary]] = await came;
      return between === "between" && !binary && data.equals(text) ? "" : `pong ${between}, text ${data}`;
    });
  }
  for (const [code, reason] of [[1000, ""], [1001, "away"], [3000, "ü"], [4999, "x".repeat(123)]]) {
    await trial(`closed with ${code}`, {}, async (socket, closed) => {
      socket.close(code, reason);
      const came = await closed;
      return came.code === code ? "" : `it answered ${JSON.stringify(came)}`;
    });
  }
  await trial("closed without a code", {}, async (socket, closed) => {
    socket.close();
    const came = await closed;
    return came.code === 1005 ? "" : `it answered ${JSON.stringify(came)}`;
  });
  await trial("too long a message is 1009", {}, async (socket, closed) => {
    socket.send(Buffer.alloc((16 << 20) + 1));
    const came = await closed;
    return came.code === 1009 ? "" : `it answered ${JSON.stringify(came)}`;
  });
  return failed;
}
