// A Redis client that queues commands while it has no connection, and waits for ever with them.

import Redis from "ioredis";

import { FIXED, serve } from "../shared/web.mjs";

const redis = new Redis(process.env.REDIS_URL, {
  connectTimeout: 1000,
  retryStrategy: () => 100,
  // null: a queued command has no limit; the queue has none either
  maxRetriesPerRequest: FIXED ? 1 : null,
});
redis.on("error", (error) => console.log(`redis: ${error.message}`));

async function look() {
  try {
    await redis.ping();
    return { redis: true };
  } catch {
    return { redis: false };
  }
}

serve({ look, write: (id) => redis.set(`note:${id}`, "kept") });
