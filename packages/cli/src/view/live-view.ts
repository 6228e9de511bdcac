import { createLogUpdate } from "log-update";
import type { NetworkStatus, PeerStatus } from "../network/status.js";
import { printLine, type Terminal } from "../terminal.js";
import { peerLine, renderNetwork } from "./network-view.js";
import { paintFor } from "./paint.js";

/** Shows a network as it changes. */
export interface LiveView {
  show(status: NetworkStatus): void;
  /** Says something once, above what moves. */
  note(line: string): void;
  /** Leaves the last picture where it is. */
  close(): void;
}

/** A table that is drawn over on a terminal, lines elsewhere. */
export function createLiveView(terminal: Terminal, footer: string): LiveView {
  return terminal.stdout.isTTY === true && terminal.env["TERM"] !== "dumb"
    ? new LiveTable(terminal, footer)
    : new PlainLines(terminal);
}

class LiveTable implements LiveView {
  readonly #terminal: Terminal;
  readonly #footer: string;
  readonly #update: ReturnType<typeof createLogUpdate>;

  constructor(terminal: Terminal, footer: string) {
    this.#terminal = terminal;
    this.#footer = footer;
    this.#update = createLogUpdate(terminal.stdout);
  }

  show(status: NetworkStatus): void {
    const { stdout } = this.#terminal;
    const paint = paintFor(stdout);
    const lines = [...renderNetwork(status, { paint, width: stdout.columns }), "", paint.dim(this.#footer)];
    // What is taller than the screen cannot be drawn over: each picture would push the one before into the scrollback.
    this.#update(lines.slice(0, Math.max(1, stdout.rows - 1)).join("\n"));
  }

  note(line: string): void {
    this.#update.clear();
    printLine(this.#terminal, line);
  }

  close(): void {
    this.#update.done();
  }
}

/** How many pictures may pass before heights alone are worth a line. */
const quietPictures = 10;

/** One line per peer and change, so that a log stays readable: growing heights are told together, and not every second. */
class PlainLines implements LiveView {
  readonly #terminal: Terminal;
  readonly #known = new Map<string, string>();
  #toldHeights = "";
  #quiet = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(status: NetworkStatus): void {
    for (const peer of status.peers) {
      const essence = [peer.state, peer.members, peer.dead, peer.leader, peer.detail].join(" ");
      if (this.#known.get(peer.name) === essence) continue;
      this.#known.set(peer.name, essence);
      printLine(this.#terminal, peerLine(peer));
    }
    this.#quiet += 1;
    const heights = status.peers.map(heightText).join(", ");
    if (heights === this.#toldHeights || this.#quiet < quietPictures) return;
    this.#quiet = 0;
    this.#toldHeights = heights;
    printLine(this.#terminal, `heights ${heights}`);
  }

  note(line: string): void {
    printLine(this.#terminal, line);
  }

  close(): void {}
}

function heightText({ name, height }: PeerStatus): string {
  return `${name} ${height ?? "-"}`;
}
