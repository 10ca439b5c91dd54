// A receiver of Graphoid's deliveries in plain Node.js, with one fault that is planted by name.
// node receiver.js FAULT, where FAULT is `none` for a correct receiver. Prints its port.
"use strict";
const crypto = require("crypto");
const http = require("http");

const FAULT = process.argv[2];
const LIMIT = 1024 * 1024;

const server = http.createServer((request, response) => {
  const respond = (status) => {
    response.writeHead(status);
    response.end();
  };
  const chunks = [];
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
    if (length <= LIMIT) chunks.push(chunk);
  });
  request.on("end", () => {
    if (length > LIMIT) return respond(413);
    let body = Buffer.concat(chunks);
    if (FAULT === "reserialized") {
      try {
        body = Buffer.from(JSON.stringify(JSON.parse(body)));
      } catch {
        return respond(400);
      }
    }
    const values = request.headersDistinct["x-graphoid-signature"] || [];
    let value = values.length === 1 ? values[0] : "";
    if (FAULT === "split") value = (request.headers["x-graphoid-signature"] || "").split(", ").pop();
    if (!/^sha256=[0-9a-fA-F]{64}$/.test(value)) return respond(401);
    const mac = crypto.createHmac("sha256", process.env.SECRET).update(body).digest();
    if (!crypto.timingSafeEqual(mac, Buffer.from(value.slice(7), "hex"))) return respond(401);
    respond(200);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
