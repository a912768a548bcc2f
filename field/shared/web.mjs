// The HTTP part of the Node services: GET /health, GET /live, and POST /notes.

import http from "node:http";

export const FIXED = process.env.FIXED === "1";

/**
 * Serves until the process ends.
 *
 * `look` resolves to an object that maps the name of each dependency to whether it works. `write`
 * keeps a note by its id; if it rejects, the answer is 503.
 */
export function serve({ look, write }) {
  const server = http.createServer(async (request, response) => {
    const [status, answer] = await answered(request, { look, write });
    const headers = { "content-type": "application/json" };
    if (status === 503) headers["retry-after"] = "1";
    response.writeHead(status, headers).end(JSON.stringify(answer));
  });
  server.listen(Number(process.env.PORT), "127.0.0.1");
}

async function answered(request, { look, write }) {
  if (request.method === "POST") return written(write, await idOf(request));
  if (request.url === "/live") return [200, {}];
  return health(await look());
}

async function written(write, id) {
  try {
    await write(id);
    return [201, { id }];
  } catch (error) {
    return [503, { error: String(error) }];
  }
}

async function idOf(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return JSON.parse(body).id;
}

function health(dependencies) {
  const words = Object.entries(dependencies).map(([name, up]) => [name, up ? "up" : "down"]);
  const lost = words.some(([, word]) => word === "down");
  return [200, { status: lost ? "degraded" : "healthy", dependencies: Object.fromEntries(words) }];
}
