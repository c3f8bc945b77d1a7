/**
 * The wire between the clients and the server, which the scenario cuts: a relay of TCP connections. Cut, it resets what
 * is open and refuses what comes, as a phone in a tunnel does.
 */
import { once } from "node:events";
import { createServer, connect } from "node:net";

export class Wire {
  #open = new Set();
  #isCut = false;
  #server;

  /** How answers came: types of content, and `websocket` for an upgrade. */
  heard = new Set();

  /** A wire to `target`, an `http:` address. */
  static async to(target) {
    const { hostname, port } = new URL(target);
    const wire = new Wire();
    wire.#server = createServer((near) => wire.#join(near, { host: hostname, port: Number(port) }));
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  #join(near, far) {
    if (this.#isCut) return near.resetAndDestroy();
    const away = connect(far);
    const end = () => {
      near.destroy();
      away.destroy();
      this.#open.delete(near);
    };
    for (const socket of [near, away]) socket.setNoDelay().on("error", end).on("close", end);
    away.on("data", (bytes) => this.#listen(bytes.toString("latin1")));
    near.pipe(away);
    away.pipe(near);
    this.#open.add(near);
  }

  #listen(text) {
    if (text.startsWith("HTTP/1.1 101")) this.heard.add("websocket");
    for (const [, type] of text.matchAll(/^content-type: ([^;\r\n]+)/gim)) this.heard.add(type.toLowerCase());
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Resets every connection and refuses new ones; answers how many there were. */
  cut() {
    this.#isCut = true;
    const count = this.#open.size;
    for (const socket of this.#open) socket.resetAndDestroy();
    return count;
  }

  mend() {
    this.#isCut = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
