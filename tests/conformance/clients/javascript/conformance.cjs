// Drives a Toxiproxy server through toxiproxy-node-client and tells, line by line, what came back.
//
// usage: node conformance.cjs API_URL UPSTREAM_ADDRESS (the upstream echoes). Two servers that are
// alike give the same lines but for the ports that they chose.
"use strict";

const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const PATIENCE_MS = 3000;
const TOXICS = {
  latency: { latency: 5, jitter: 1 },
  bandwidth: { rate: 1000 },
  slow_close: { delay: 5 },
  timeout: { timeout: 5 },
  reset_peer: { timeout: 5 },
  slicer: { average_size: 9, size_variation: 2, delay: 1 },
  limit_data: { bytes: 5 },
};

/** Prints a step with its value, or the client's own error; gives the value. */
async function tell(step, promise) {
  try {
    const value = await promise;
    console.log(`${step}\t${JSON.stringify(value && value.toJson ? value.toJson() : value)}`);
    return value;
  } catch (error) {
    console.log(`${step}\terror ${error.name}: ${error.message}`);
    return undefined;
  }
}

async function list(server) {
  const all = await server.getAll();
  const names = Object.values(all).map((proxy) => `${proxy.name} ${proxy.enabled}`);
  await tell("list", names.sort());
}

async function proxies(server, echo) {
  const body = { name: "db", listen: "127.0.0.1:0", upstream: echo };
  await tell("create", server.createProxy(body));
  await tell("create again", server.createProxy(body));
  await tell("create nothing", server.createProxy({}));
  await tell("create nowhere", server.createProxy({ ...body, name: "bad", listen: "nonsense" }));
  await tell("create with a space", server.createProxy({ ...body, name: "my db" }));
  await tell("proxy with a space", server.get("my db"));
  const two = [{ ...body, name: "one" }, { ...body, name: "two", enabled: false }];
  const made = await server.populate(two);
  await tell("populate", Object.values(made).map((proxy) => proxy.toJson()));
  await tell("populate badly", server.populate([{ name: "three" }]));
  const second = await tell("proxy", server.get("two"));
  await tell("enable", second.update({ enabled: true }));
  await tell("move", second.update({ upstream: "127.0.0.1:1" }));
  await tell("delete", second.remove());
  await tell("delete again", second.remove());
  await tell("unknown proxy", server.get("nobody"));
  await list(server);
}

async function everyToxic(server) {
  const one = await tell("proxy", server.get("one"));
  for (const stream of ["upstream", "downstream"]) {
    for (const [type, attributes] of Object.entries(TOXICS)) {
      const name = `${type}_${stream}`;
      const body = { name, type, stream, toxicity: 0.5, attributes };
      const toxic = await tell("add", one.addToxic(body));
      await tell("add again", one.addToxic(body));
      await tell("toxic", one.getToxic(name));
      await tell("update", toxic.update({ attributes, toxicity: 1 }));
      await tell("remove", toxic.remove());
      await tell("remove again", toxic.remove());
    }
  }
  await tell("unknown type", one.addToxic({ type: "nonsense", stream: "upstream" }));
  await tell("unknown stream", one.addToxic({ type: "latency", stream: "sideways" }));
  await tell("wrong attribute", one.addToxic({ type: "latency", attributes: { latency: "x" } }));
  await tell("type alone", one.addToxic({ type: "noop" }));
}

/** Sends through the proxy and tells what the echo gave back and whether that was too soon. */
function exchange(step, listen, size, leastMs) {
  return new Promise((resolve) => {
    const started = process.hrtime.bigint();
    let got = 0;
    const [host, port] = listen.split(":");
    const socket = net.connect({ host, port: Number(port), timeout: PATIENCE_MS });
    const done = (line) => {
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.destroy();
      console.log(`${step}\t${line}`);
      resolve();
    };
    const over = () => {
      const tookMs = Number(process.hrtime.bigint() - started) / 1e6;
      done(`${got} bytes back, not before its time ${tookMs >= leastMs}`);
    };
    socket.on("connect", () => socket.write(Buffer.alloc(size)));
    socket.on("data", (chunk) => {
      got += chunk.length;
      if (got >= size) over();
    });
    socket.on("error", (error) => (error.code === "ECONNREFUSED" ? done("refused") : over()));
    socket.on("end", over);
    socket.on("timeout", over);
  });
}

async function traffic(server) {
  const db = await tell("proxy", server.get("db"));
  await exchange("free", db.listen, 40000, 0);
  const under = async (type, stream, size, leastMs, attributes) => {
    const toxic = await tell("add", db.addToxic({ type, stream, attributes }));
    await exchange(`${type} ${stream}`, db.listen, size, leastMs);
    await tell("remove", toxic.remove());
    await exchange("healed", db.listen, 1000, 0);
  };
  // Of bytes that reached the echo before its end was closed, some or none come back: it is a race.
  const limit = { upstream: 0, downstream: 10 };
  for (const stream of ["upstream", "downstream"]) {
    await under("latency", stream, 10, 60, { latency: 60 });
    await under("bandwidth", stream, 10000, 80, { rate: 100 });
    await under("timeout", stream, 10, 50, { timeout: 50 });
    await under("reset_peer", stream, 10, 30, { timeout: 40 });
    await under("limit_data", stream, 100, 0, { bytes: limit[stream] });
    await under("slicer", stream, 1000, 0, { average_size: 100, size_variation: 10 });
  }
  await tell("disable", db.update({ enabled: false }));
  await exchange("disabled", db.listen, 10, 0);
  await tell("enable", db.update({ enabled: true }));
  await exchange("enabled", db.listen, 10, 0);
}

async function main() {
  const [url, echo] = process.argv.slice(2);
  const server = new Toxiproxy(url);
  await tell("version", JSON.parse(await server.getVersion()).version !== "");
  await proxies(server, echo);
  await everyToxic(server);
  await traffic(server);
  await tell("reset", server.reset());
  await list(server);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
