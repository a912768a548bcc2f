// A pool of Postgres clients, and nobody who listens for the errors of those that are idle.

import pg from "pg";

import { FIXED, serve } from "../shared/web.mjs";

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: 4,
  connectionTimeoutMillis: 2000,
});
// An event `error` that has no listener is thrown, outside any request: the process ends.
if (FIXED) pool.on("error", (error) => console.log(`idle client: ${error.message}`));

async function look() {
  try {
    await pool.query("select 1");
    return { postgres: true };
  } catch {
    return { postgres: false };
  }
}

await pool.query("create table if not exists notes (id text)");
serve({ look, write: (id) => pool.query("insert into notes values ($1)", [id]) });
