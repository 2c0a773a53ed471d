// Reporter for knip: its findings as JSON, with the number of files it read.

export default function report({ issues, counters }) {
  const found = [];
  for (const [kind, files] of Object.entries(issues)) {
    if (kind === "_files") continue;
    for (const [file, symbols] of Object.entries(files)) {
      for (const { symbol, line } of Object.values(symbols)) found.push({ kind, file, symbol, line });
    }
  }
  console.log(JSON.stringify({ files: counters.processed, found }));
}
