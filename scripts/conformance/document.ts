import { join } from "node:path";
import { readProofs, readStatements, SPECIFICATIONS, type Statement, type Tag } from "./statements.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Where the tests are that prove statements: a broker process, spoken to in bytes. */
const TESTS = join(ROOT, "test", "broker");
/** What `documentText` belongs into. */
export const DOCUMENT = join(ROOT, "docs", "conformance.md");

const HEAD = `# Conformance

Which test proves which normative statement of the MQTT specifications. The tests are files of \`test/broker/\`; each speaks
to a broker process in bytes, and names its statements in brackets, those of MQTT 3.1.1 as \`[MQTT3-3.1.0-1]\`. This file is
made of those names by \`npm run generate\`, and a test fails when a statement that binds servers has no proof, or when this
file is not fresh. The statements are given in a few words of our own; the specifications say them in full.

Beyond the numbered statements: [property-rules](../test/broker/property-rules.test.ts) has every property in every packet of a
client, [reason-codes](../test/broker/reason-codes.test.ts) every reason code, both ways,
[fixed-header](../test/broker/fixed-header.test.ts) all flags and lengths, [strings](../test/broker/strings.test.ts) ill-formed
text in every field. What the broker does where the specifications leave a choice is in [mqtt.md](mqtt.md).

## Deviations

| Statement | What the broker does | Why |
|---|---|---|
| 5.0, 6.0.0-4 | a client that offers \`mqttv3.1\` alone gets that | clients for MQTT 3.1 know no other name |
| 5.0, 3.2.2-9, -12, -13 | a plugin may announce less in CONNACK than the broker supports; nothing enforces it | VerneMQ does the same |
`;

function table(
  tag: Tag,
  statements: readonly Statement[],
  proofs: ReadonlyMap<string, readonly string[]>,
): string[] {
  const rows = statements
    .filter(({ mark }) => mark === "S")
    .map(
      ({ number, words }) =>
        `| ${number} | ${words} | ${(proofs.get(`${tag}-${number}`) ?? []).join(", ")} |`,
    );
  return ["| Statement | | Tests |", "|---|---|---|", ...rows];
}

/** The text of docs/conformance.md. */
export function documentText(): string {
  const proofs = readProofs(TESTS);
  const parts = [HEAD];
  for (const { version, tag } of SPECIFICATIONS) {
    const statements = readStatements(version);
    const clients = statements.filter(({ mark }) => mark === "C").map(({ number }) => number);
    parts.push(
      `## MQTT ${version}\n`,
      ...table(tag, statements, proofs),
      "",
      `Bind clients alone: ${clients.join(", ")}.\n`,
    );
    parts.push("Have no occasion here:\n");
    for (const { mark, number, words } of statements) if (mark === "N") parts.push(`- ${number}: ${words}`);
    parts.push("");
  }
  return parts.join("\n");
}

/** What is wrong: servers' statements without a proof, and names in tests that no specification has. */
export function conformanceProblems(): string[] {
  const proofs = readProofs(TESTS);
  const problems: string[] = [];
  const known = new Set<string>();
  for (const { version, tag } of SPECIFICATIONS) {
    for (const { number, mark } of readStatements(version)) {
      const name = `${tag}-${number}`;
      known.add(name);
      if (mark === "S" && !proofs.has(name)) problems.push(`no test names [${name}]`);
    }
  }
  for (const [name, files] of proofs) {
    if (!known.has(name)) problems.push(`there is no [${name}], which ${files.join(", ")} names`);
  }
  return problems;
}
