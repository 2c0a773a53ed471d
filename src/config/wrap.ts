/** The text in lines of at most `width` characters, each after the prefix; longer words stay whole. */
export function wrap(text: string, prefix: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && prefix.length + line.length + 1 + word.length > width) {
      lines.push(prefix + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  lines.push(prefix + line);
  return lines;
}
