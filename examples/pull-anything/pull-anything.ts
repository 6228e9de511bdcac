/**
 * Pull gossip over notes: three participants, of whom nobody holds all, and the outer two do not know each other.
 * A note's digest is its SHA-256, so whoever gets a note sees whether it is the one that was offered.
 */

import { createHash } from "node:crypto";
import { type PkiId, pkiIdFromBytes } from "@gossip/proto";
import { ItemStore, Pull, type PullInput, type PullOutput, type PullPeer } from "@gossip/pull";
import { type Run, run, seededRandom } from "@gossip/runtime";
import { VirtualClock } from "@gossip/runtime/testing";

const clock = new VirtualClock();
const participants = new Map<PkiId, Participant>();

class Participant {
  readonly name: string;
  readonly items: ItemStore<string>;
  readonly run: Run<PullInput<string>>;

  constructor(name: string, notes: readonly string[], acquaintances: readonly string[]) {
    this.name = name;
    this.items = new ItemStore({
      bytesOf: (note) => Buffer.byteLength(note),
      // Who may have what: a note that is addressed to somebody goes to nobody else.
      egress: (requester) => (note) => !note.startsWith("dear ") || note.startsWith(`dear ${nameOf(requester)}`),
    });
    for (const note of notes) this.items.add(digestOf(note), note);
    const peers = acquaintances.map((peer): PullPeer => ({ pkiId: idOf(peer), endpoint: "" }));
    const pull = new Pull<string>({ items: this.items, peers: () => peers, random: seededRandom(participants.size) });
    this.run = run(pull, { clock, perform: (output) => this.#perform(output) });
    participants.set(idOf(name), this);
  }

  /** Does what the machine wants done. */
  #perform(output: PullOutput<string>): void {
    const from = idOf(this.name);
    switch (output.type) {
      case "send-hello":
        return deliver(output.to.pkiId, { type: "hello", from, nonce: output.nonce });
      case "send-digest":
        return deliver(output.to, { type: "digest", from, nonce: output.nonce, digests: output.digests });
      case "send-request":
        return deliver(output.to.pkiId, { type: "request", from, nonce: output.nonce, digests: output.digests });
      case "send-update": {
        // On a real wire the receiver computes the digests; the machine then drops what it did not ask for.
        const items = output.items.map((item) => ({ digest: digestOf(item), item }));
        return deliver(output.to, { type: "update", from, nonce: output.nonce, items });
      }
      case "accept":
        for (const { digest, item } of output.items) {
          this.items.add(digest, item);
          console.log(`${Math.round(clock.now())} ms: ${this.name} gets "${item}" from ${nameOf(output.from)}`);
        }
        return;
      case "dropped":
        return console.log(`${Math.round(clock.now())} ms: ${this.name} drops ${output.count}: ${output.reason}`);
    }
  }
}

/** The network: every message takes 20 virtual milliseconds. */
function deliver(to: PkiId, message: PullInput<string>): void {
  clock.schedule(clock.now() + 20, () => participants.get(to)?.run.push(message));
}

function digestOf(note: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(note).digest());
}

function idOf(name: string): PkiId {
  return pkiIdFromBytes(new TextEncoder().encode(name));
}

function nameOf(id: PkiId): string {
  return Buffer.from(id, "hex").toString();
}

new Participant("alice", ["the key is under the mat"], ["bob"]);
new Participant("bob", ["there is bread in the oven"], ["alice", "carol"]);
new Participant("carol", ["the cat was fed", "dear bob, I ate the cake"], ["bob"]);

clock.runFor(20_000);
for (const { name, items } of participants.values()) {
  console.log(`${name} holds ${[...items.all].map(({ item }) => `"${item}"`).join(", ")}`);
}
