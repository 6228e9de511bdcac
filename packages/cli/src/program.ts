import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { describeError, describeStack, exitCodes, Interrupted } from "./errors.js";
import { defaultBasePort, defaultShape } from "./network/defaults.js";
import { noteLine, type Terminal } from "./terminal.js";

/** What a command does; its options are those it declares. It gives its exit code. */
type Action<Options> = (options: Options, terminal: Terminal) => Promise<number>;

/** A command is loaded only when it is run, so that `--help` does not load a network. */
type Runner = <Options>(load: () => Promise<Action<Options>>) => (this: Command, ...given: unknown[]) => Promise<void>;

/**
 * Runs one command line.
 *
 * @returns the exit code: 0 when it succeeded, 1 when it failed, 2 when the command line was not understood, 130 when it
 * was interrupted
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = createProgram(terminal, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (error instanceof Interrupted) return exitCodes.interrupted;
    noteLine(terminal, `gossip: ${describeError(error)}`);
    if (args.includes("--verbose") || (terminal.env["GOSSIP_DEBUG"] ?? "") !== "")
      noteLine(terminal, describeStack(error));
    return exitCodes.failure;
  }
}

function createProgram(terminal: Terminal, onExit: (code: number) => void): Command {
  const runs: Runner = (load) =>
    async function run(this: Command, ...given: unknown[]) {
      // Commander passes the arguments first; their names and types are those that each command declares below.
      const named = this.registeredArguments.map((argument, index) => [argument.name(), given[index]]);
      const options = { ...this.opts(), ...Object.fromEntries(named) };
      onExit(await (await load())(options as never, terminal));
    };
  const program = new Command("gossip")
    .description("A development network of gossip peers and orderers, and a look into it.")
    .version(version(), "-V, --version", "print the version");
  addNetwork(program.command("network").description("run, watch and stop a network on this machine"), runs);
  program
    .command("submit")
    .description("submit each line of a file as one transaction, and wait until the orderer has acknowledged all")
    .argument("[file]", "the file; without it, or with -, standard input", "-")
    .addOption(dirOption())
    .option("--json", "print one JSON object")
    .action(runs(async () => (await import("./commands/submit.js")).submit));
  program
    .command("blocks")
    .description("print the blocks of a peer: number, hash and transactions")
    .requiredOption("--peer <name>", "the peer, e.g. peer0.org1")
    .addOption(dirOption())
    .addOption(new Option("--from <number>", "first block").argParser(blockNumber).default(0n, "0"))
    .option("--follow", "go on with new blocks as they are committed")
    .option("--json", "print one JSON object per block")
    .action(runs(async () => (await import("./commands/blocks.js")).showBlocks));
  program
    .command("members")
    .description("show whom a running peer of a network sees, alive and dead")
    .addOption(dirOption())
    .option("--peer <name>", "the peer that is asked (default: the first that runs)")
    .option("--json", "print one JSON object")
    .action(runs(async () => (await import("./commands/members.js")).showMembers));
  program
    .command("leader")
    .description("show who leads each organization in a channel, and since when")
    .addOption(dirOption())
    .option("--channel <name>", "the channel (default: the network's first)")
    .option("--history", "show each change that the peers remember, and why")
    .option("--json", "print one JSON object")
    .action(runs(async () => (await import("./commands/leader.js")).showLeader));
  addIdentity(
    program.command("identity").description("look at the identities of a network, renew and revoke them"),
    runs,
  );
  addPeerStart(program.command("peer").description("run a peer"), runs);
  addStart(program.command("orderer").description("run a development orderer"), "orderer")
    .requiredOption("--config <file>", "the orderer's YAML file")
    .action(runs(async () => (await import("./commands/orderer-start.js")).startOrderer));
  for (const command of everyCommand(program)) settle(command, terminal);
  return program;
}

function addNetwork(network: Command, runs: Runner): void {
  withShape(network.command("up"))
    .description("start a network in the foreground; the keys and ledgers of its folder are made once and used again")
    .addOption(dirOption())
    .addOption(
      new Option("--base-port <port>", `first of the ports it takes (default: ${defaultBasePort})`).argParser(integer),
    )
    .addOption(
      new Option("--demo-traffic [rate]", "submit transactions of its own, so many per second")
        .argParser(positive)
        .preset("1"),
    )
    .addHelpText(
      "after",
      "\nThe table shows what each peer says of itself. Ctrl-C stops all processes and keeps the ledgers.",
    )
    .action(runs(async () => (await import("./commands/network-up.js")).networkUp));
  withShape(network.command("run"))
    .description("order the lines of a file on a network of its own, and check that every peer has them all")
    .requiredOption("--input <file>", "each line is one transaction; - is standard input")
    .option("--json", "print one JSON object")
    .option("--keep", "keep the folder of the network")
    .addHelpText(
      "after",
      "\nOnly line feeds end a line; every other byte, also in empty lines, is part of a transaction. SHA-256 is computed\n" +
        "over all transactions in order, each followed by a line feed, from each peer's ledger after the peer has stopped.",
    )
    .action(runs(async () => (await import("./commands/network-run.js")).networkRun));
  network
    .command("status")
    .description("show the processes of a network and what its peers say")
    .addOption(dirOption())
    .option("--json", "print one JSON object")
    .action(runs(async () => (await import("./commands/network-status.js")).showStatus));
  network
    .command("down")
    .description("stop every process of a network, whoever started it")
    .addOption(dirOption())
    .action(runs(async () => (await import("./commands/network-down.js")).networkDown));
}

function addIdentity(group: Command, runs: Runner): void {
  group
    .command("list")
    .description("show whom the organizations of a network vouch for, until when, and who is revoked")
    .addOption(dirOption())
    .option("--json", "print one JSON object")
    .action(runs(async () => (await import("./commands/identity.js")).listIdentities));
  group
    .command("renew")
    .description("give a member a new key and identity; the old one stays valid until it expires or is revoked")
    .argument("<name>", "the member, e.g. peer0.org1")
    .addOption(dirOption())
    .addHelpText("after", "\nThe member uses them once it is started again. No other process has to be.")
    .action(runs(async () => (await import("./commands/identity.js")).renew));
  group
    .command("revoke")
    .description("revoke an identity: running peers part with it within seconds")
    .argument("<target>", "name of a member, or a PKI-ID")
    .addOption(dirOption())
    .option("--org <org>", "whose it is, for a PKI-ID that no member has any more")
    .action(runs(async () => (await import("./commands/identity.js")).revoke));
}

function addPeerStart(group: Command, runs: Runner): void {
  addStart(group, "peer")
    .argument("[file]", "core.yaml of a Fabric peer, or a peer.yaml; without it, core.yaml in $FABRIC_CFG_PATH")
    .option("--config <file>", "the same as [file]")
    .addOption(
      new Option("--channel-block <file>", "genesis block of a channel to join now and at later starts; repeatable")
        .argParser((file: string, files: readonly string[]) => [...files, file])
        .default([], "none"),
    )
    .addHelpText(
      "after",
      "\nA core.yaml is read as a Fabric peer reads it, and CORE_* variables override its keys:\n" +
        "  FABRIC_CFG_PATH=/etc/hyperledger/fabric CORE_PEER_LOCALMSPID=Org1MSP \\\n" +
        "    gossip peer start --channel-block mychannel.block\n" +
        "\nThe peer keeps and serves ordered blocks. It does not validate transactions, endorse or run chaincode.",
    )
    .action(runs(async () => (await import("./commands/peer-start.js")).startPeer));
}

function addStart(group: Command, kind: "peer" | "orderer"): Command {
  return group
    .command("start")
    .description(`run one ${kind} in the foreground; in a network's folder, it appears in network.json`)
    .option("--log-file <file>", "append the log there, in bounded size, instead of standard error")
    .addOption(new Option("--supervised").hideHelp());
}

function withShape(command: Command): Command {
  const { orgs, peers, channel, election } = defaultShape;
  return command
    .addOption(new Option("--orgs <number>", `organizations (default: ${orgs})`).argParser(integer))
    .addOption(new Option("--peers <number>", `peers of each organization (default: ${peers})`).argParser(integer))
    .addOption(new Option("--channel <name>", `the channel they join (default: ${channel})`))
    .addOption(
      new Option("--election <kind>", `who leads an organization (default: ${election})`).choices([
        "dynamic",
        "static",
      ]),
    );
}

function dirOption(): Option {
  return new Option("--dir <dir>", "folder of the network").default(".gossip");
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** The same manners for every command: one line for an error, exit codes left to us, a group alone shows its help. */
function settle(command: Command, terminal: Terminal): void {
  const isGroup = command.commands.length > 0;
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "gossip: ")),
    });
  command.helpCommand(false);
  if (!isGroup) command.addOption(new Option("--verbose", "show where an error came from"));
  if (!isGroup) command.allowExcessArguments(false);
}

function integer(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`expected an integer, got ${text}`);
  return Number(text);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000))
    throw new InvalidArgumentError(`expected a number above 0 and up to 1000, got ${text}`);
  return value;
}

function blockNumber(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError(`expected a block number, got ${text}`);
  return BigInt(text);
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
