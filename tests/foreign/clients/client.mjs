// The Node clients: http, fetch, axios and undici. The interface is described in client.py.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

function prepare(job) {
  let body = Buffer.from(job.text ?? JSON.stringify(job.body));
  if (job.pad_to) body = Buffer.concat([body, Buffer.alloc(job.pad_to - body.length, " ")]);
  const headers = { "Content-Type": "application/json", ...job.headers };
  if (job.sign) {
    const digest = createHmac("sha256", job.sign.secret).update(body).digest("hex");
    headers[job.sign.header] = job.sign.prefix + digest;
  }
  if (!job.chunked) headers["Content-Length"] = String(body.length);
  return { body, headers };
}

async function* stream(job, body) {
  await pause((job.pause ?? 0) * 1000);
  for (let start = 0; start < body.length; start += 16384) yield body.subarray(start, start + 16384);
}

const isStreamed = (job) => "pause" in job || "chunked" in job;

function nodeHttp() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return (job) =>
    new Promise((resolve, reject) => {
      const { body, headers } = prepare(job);
      const request = http.request(job.url, { method: "POST", agent, headers, timeout: 30000 }, async (response) => {
        let text = "";
        for await (const part of response) text += part;
        resolve({ status: response.statusCode, body: text });
      });
      request.on("error", reject);
      request.on("timeout", () => request.destroy(new Error("no response in time")));
      if (isStreamed(job)) {
        request.flushHeaders();
        const source = Readable.from(stream(job, body));
        source.on("error", reject);
        source.pipe(request);
      } else request.end(body);
    });
}

function nodeFetch() {
  return async (job) => {
    const { body, headers } = prepare(job);
    const options = { method: "POST", headers, body };
    if (isStreamed(job)) Object.assign(options, { body: Readable.toWeb(Readable.from(stream(job, body))), duplex: "half" });
    const response = await fetch(job.url, options);
    return { status: response.status, body: await response.text() };
  };
}

// Packages that are installed elsewhere: NODE_MODULES is the folder.
async function load(name) {
  const path = createRequire(process.env.NODE_MODULES + "/").resolve(name);
  const module = await import(pathToFileURL(path));
  return module.default ?? module;
}

async function axios() {
  const { post } = await load("axios");
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return async (job) => {
    const { body, headers } = prepare(job);
    const data = isStreamed(job) ? Readable.from(stream(job, body)) : body;
    const response = await post(job.url, data, {
      headers, httpAgent: agent, validateStatus: null, responseType: "text", transformRequest: [], transformResponse: [],
      maxRedirects: 0, maxBodyLength: Infinity, proxy: false,
    });
    return { status: response.status, body: response.data };
  };
}

async function undici() {
  const { Client } = await load("undici");
  let client;
  return async (job) => {
    const { body, headers } = prepare(job);
    const url = new URL(job.url);
    client ??= new Client(url.origin);
    const data = isStreamed(job) ? Readable.from(stream(job, body)) : body;
    const response = await client.request({ path: url.pathname + url.search, method: "POST", headers, body: data });
    return { status: response.statusCode, body: await response.body.text() };
  };
}

// A connection that breaks after its response is an error event of a socket that nobody has any more.
process.on("uncaughtException", (error) => console.error(error));

const [, , library, file] = process.argv;
const send = await { http: nodeHttp, fetch: nodeFetch, axios, undici }[library]();
for (const job of JSON.parse(readFileSync(file, "utf8"))) {
  let result;
  try {
    result = await send(job);
  } catch (error) {
    result = { error: `${error}: ${error.code ?? error.cause}` };
  }
  process.stdout.write(JSON.stringify({ id: job.id, ...result }) + "\n");
}
process.exit();
