/** One block of a PEM file. */
export interface PemBlock {
  /** What it holds, the words after BEGIN: `CERTIFICATE`. */
  readonly label: string;
  /** The whole block, BEGIN and END included. */
  readonly text: string;
}

/** All blocks of a PEM file, in their order; what stands between them is a comment. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g);
  return Array.from(blocks, ([block, label]) => ({ label: label ?? "", text: block }));
}

/** The bytes within a block. */
export function pemBytes({ text }: PemBlock): Buffer {
  const lines = text.split(/\r?\n/).filter((line) => !line.startsWith("-----") && !line.includes(":"));
  return Buffer.from(lines.join(""), "base64");
}
